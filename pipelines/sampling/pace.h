// Pace: which positions a step may write, and the times at which it finds and leaves them.
//
// A role has a window of the steps (all of them, or its share of a joint schedule), and its blocks share the window one
// after another. Rows are independent: a row's pace depends on its own content and key.
//
// Shapes: B rows, L positions, R roles.
#pragma once

#include <span>
#include <vector>

#include "base/random.h"
#include "modalities/canvas/canvas.h"
#include "pipelines/sampling/options.h"
#include "pipelines/sampling/times.h"

namespace palimpsest {

// What one step is to one role of one row.
struct RoleStep {
  bool active = false;                   // something of the role may be written
  std::int64_t begin = 0, end = 0;       // positions of the row: the role, or its block
  std::int64_t step = 0, num_steps = 1;  // counted within them
  StepTimes times;                       // theirs
  double told_t = 0;                     // noise time of the role's masks, as the network is told
  double planned = 0;                    // positions that the schedule is spread over
  bool last() const { return step + 1 == num_steps; }
};

// Half-open range of steps.
struct StepRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

// Steps of the `place`-th of `count` wanted roles. Staggered: each begins stagger * steps after the one before it, and
// all are as long.
StepRange role_steps(const SamplerOptions& options, std::int64_t place, std::int64_t count);

// Steps of part `index` of `count` equal parts of a range.
StepRange part_of(const StepRange& range, std::int64_t index, std::int64_t count);

// Roles with something to be written in the row, in the joint order.
std::vector<std::int64_t> wanted_roles(const CanvasSchema& schema, const SamplerOptions& options,
                                       const TokenCanvas& canvas, std::int64_t row);

// Number of positions to be written of each role within [begin, end) of its row: mask, visible, not frozen.
std::int64_t count_open(const TokenCanvas& canvas, std::int64_t row, std::int64_t begin, std::int64_t end);

// InputError when the steps are too few for the roles and blocks of a row, or too many for a policy that writes at
// least one position a step.
void check_pace(const CanvasSchema& schema, const SamplerOptions& options, const TokenCanvas& canvas);

// The pace of a batch while it is written.
class Pace {
 public:
  Pace(const CanvasSchema& schema, const DiffusionOptions& diffusion, const SamplerOptions& options,
       const TokenCanvas& start, std::span<const RandomKey> keys);

  // By row and role. `canvas` as it stands before the step; steps are asked for in their order.
  std::vector<RoleStep> at(const TokenCanvas& canvas, std::int64_t step);

  // After the step's writes `end` filled positions of a role, of which `before` and `after` were open around that: it
  // follows its schedule anew from what it still has to write.
  void shrink(std::int64_t row, std::int64_t role, std::int64_t before, std::int64_t after);

 private:
  struct State {
    std::int64_t place = -1, count = 0;  // which of how many wanted roles of the row; -1: not wanted
    double planned = 0;
    double level = 1, next_level = 1;  // first-hitting: the masked share at the last hit and at the next
    std::int64_t open = 0;             // before the step
    double masked_s = 0;               // after it, by the schedule

    void begin(std::int64_t positions);          // all of them are open
    void hit(std::int64_t left, RandomKey key);  // so many are left: the shares at the last hit and at the next
  };

  RoleStep turn(const State& state, std::int64_t role, std::int64_t step) const;
  StepTimes times_of(const State& state, const RoleStep& turn, std::int64_t role) const;
  double told_time(const RoleStep& turn, std::int64_t role) const;
  State& state(std::int64_t row, std::int64_t role);

  const CanvasSchema& schema_;
  const SamplerOptions& options_;
  std::vector<NoiseSchedule> schedules_;  // by role
  std::vector<UnmaskKind> unmask_;        // by role
  std::vector<RandomKey> keys_;           // by row; rows beyond them are padding
  std::vector<State> states_;             // by row and role
};

}  // namespace palimpsest
