// Times of the sampler's steps: from t = 1 (all mask) to t = 0 (all written), by each modality's own schedule.
#pragma once

#include <vector>

#include "backbone/diffusion/diffusion.h"
#include "pipelines/sampling/options.h"

namespace palimpsest {

// One step t -> s of a role, and the share that is masked (1 - alpha) at both ends.
struct StepTimes {
  double t = 1, s = 0;
  double masked_t = 1, masked_s = 0;
};

// The time at which a schedule has masked the given share; bisection to the last bit of alpha.
double time_of_masked_share(const NoiseSchedule& schedule, double share);

// Schedule of each modality, in the vocabulary's order.
std::vector<NoiseSchedule> modality_schedules(const CanvasSchema& schema, const DiffusionOptions& diffusion);

// Step i of N ends where the uniform grid has t = 1 - (i+1)/N, and where the cosine grid has masked the share
// cos(pi/2 (i+1)/N) (MaskGIT section 3.3, arXiv 2202.04200). With remdm-loop the grid is gone through to where
// loop_keep is written before the share loop_on of the steps is left, stands still, and goes on once loop_off is left.
StepTimes grid_times(const NoiseSchedule& schedule, const SamplerOptions& options, std::int64_t step,
                     std::int64_t num_steps);

// Whether the step lies in remdm-loop's standstill.
bool stands_still(const StepTimes& times);

// The times of a step when all roles have all the steps: one entry a role of the schema.
std::vector<StepTimes> step_times(const CanvasSchema& schema, const DiffusionOptions& diffusion,
                                  const SamplerOptions& options, std::int64_t step);

}  // namespace palimpsest
