// Policy: a pure function from what a step sees to what it wants done. The loop applies, checks and records.
//
// Shapes: B rows, L positions, M masked positions, R roles, V vocabulary.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/random.h"
#include "modalities/canvas/canvas.h"
#include "pipelines/sampling/options.h"
#include "pipelines/sampling/times.h"

namespace palimpsest {

// What a policy may look at. All tensors are on the CPU.
struct StepView {
  const CanvasSchema& schema;
  const TokenCanvas& canvas;  // as it stands before this step
  at::Tensor position_M;      // int64, flat into B*L, ascending: what is still to be written
  at::Tensor log_prob_MV;     // float32, legal log-probabilities after guidance and constraint; -inf elsewhere
  at::Tensor planned_BR;      // float64: positions of a role that the schedule is spread over
  std::int64_t step = 0;      // of num_steps
  std::int64_t num_steps = 1;
  std::vector<StepTimes> times;     // by role
  std::span<const RandomKey> keys;  // one a row; a draw is keys[row].fold(stream).fold(step).uniform(position in row)
  bool last() const { return step + 1 == num_steps; }
};

struct Write {
  std::int64_t position = 0;  // flat into B*L
  std::int64_t id = 0;
  double log_prob = 0;  // under the view's log-probabilities
};

struct Decision {
  std::vector<Write> writes;             // to masked positions
  std::vector<std::int64_t> mask_again;  // flat positions that were written before
};

class Policy {
 public:
  virtual ~Policy() = default;
  virtual Decision decide(const StepView& view) const = 0;
};

std::unique_ptr<Policy> make_policy(const SamplerOptions& options);

}  // namespace palimpsest
