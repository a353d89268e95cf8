// How much noise a role gets: from a uniform draw to a time, a share and a loss weight.
#pragma once

#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {

struct RoleNoise {
  double t = 0;       // noise time
  double hit = 0;     // probability of the noise at a position; of its absence where `complement`
  double weight = 1;  // of the loss
  NoiseLevel<double> level;
  bool complement = false;  // the positions that the twin did not hit
};

// Noise of a modality's roles in a document whose uniform draw is u. Times run from the schedule's floor to 1; for
// pairs and for processes other than absorbing they stop where as much is kept as is hit at the floor.
//
// A twin's time t' keeps what t hits: alpha(t') = 1 - alpha(t). Its density is alpha'(t')/alpha'(t), and the weight
// that makes both halves bounds (LaViDa, arXiv 2505.16839, is the linear schedule, where it is 1) is one over that.
RoleNoise role_noise(const NoiseSchedule& schedule, const DiffusionOptions& options, double u, bool twin);

}  // namespace palimpsest
