#include "pipelines/sampling/times.h"

#include <cmath>
#include <numbers>

namespace palimpsest {

namespace {

constexpr double kHalfPi = std::numbers::pi / 2;

double grid_time(const NoiseSchedule& schedule, const SamplerOptions& options, double progress) {
  if (options.grid == TimeGridKind::kUniform) return 1.0 - progress;
  return time_of_masked_share(schedule, std::cos(kHalfPi * progress));
}

// Where the grid has masked `share`: the inverse of grid_time.
double progress_at_share(const NoiseSchedule& schedule, const SamplerOptions& options, double share) {
  if (options.grid == TimeGridKind::kUniform) return 1.0 - time_of_masked_share(schedule, share);
  return std::acos(share) / kHalfPi;
}

// ReMDM's loop (arXiv 2503.00307, section 4): onto the grid's place of loop_keep, hold, and to the end.
double looped(const NoiseSchedule& schedule, const SamplerOptions& options, double progress) {
  if (options.remask.kind != RemaskKind::kLoop) return progress;
  const double on = 1.0 - options.remask.loop_on, off = 1.0 - options.remask.loop_off;
  const double held = progress_at_share(schedule, options, 1.0 - options.remask.loop_keep);
  if (progress < on) return held * progress / on;
  if (progress <= off) return held;
  return held + (1.0 - held) * (progress - off) / (1.0 - off);
}

}  // namespace

double time_of_masked_share(const NoiseSchedule& schedule, double share) {
  double low = 0, high = 1;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = 0.5 * (low + high);
    (1.0 - schedule.alpha(middle) < share ? low : high) = middle;
  }
  return high;
}

std::vector<NoiseSchedule> modality_schedules(const CanvasSchema& schema, const DiffusionOptions& diffusion) {
  std::vector<NoiseSchedule> schedules;
  for (std::int64_t modality = 0; modality < schema.vocabulary().num_modalities(); ++modality) {
    schedules.push_back(diffusion.schedule_of(schema.vocabulary().space(modality).modality));
  }
  return schedules;
}

StepTimes grid_times(const NoiseSchedule& schedule, const SamplerOptions& options, std::int64_t step,
                     std::int64_t num_steps) {
  const auto time = [&](std::int64_t done) {
    return grid_time(schedule, options,
                     looped(schedule, options, static_cast<double>(done) / static_cast<double>(num_steps)));
  };
  const bool last = step + 1 == num_steps;
  StepTimes times;
  times.t = step == 0 ? 1.0 : time(step);
  times.s = last ? 0.0 : time(step + 1);
  times.masked_t = step == 0 ? 1.0 : 1.0 - schedule.alpha(times.t);
  times.masked_s = last ? 0.0 : 1.0 - schedule.alpha(times.s);
  return times;
}

bool stands_still(const StepTimes& times) { return times.masked_t == times.masked_s; }

std::vector<StepTimes> step_times(const CanvasSchema& schema, const DiffusionOptions& diffusion,
                                  const SamplerOptions& options, std::int64_t step) {
  const auto schedules = modality_schedules(schema, diffusion);
  std::vector<StepTimes> times;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    times.push_back(
        grid_times(schedules[static_cast<std::size_t>(schema.modality_of(role))], options, step, options.steps));
  }
  return times;
}

}  // namespace palimpsest
