#include "pipelines/sampling/times.h"

#include <cmath>
#include <numbers>

namespace palimpsest {

namespace {

double grid_time(const NoiseSchedule& schedule, const SamplerOptions& options, std::int64_t step) {
  const double progress = static_cast<double>(step) / static_cast<double>(options.steps);
  if (options.grid == TimeGridKind::kUniform) return 1.0 - progress;
  return time_of_masked_share(schedule, std::cos(std::numbers::pi / 2 * progress));
}

StepTimes times_of(const NoiseSchedule& schedule, const SamplerOptions& options, std::int64_t step) {
  const bool last = step + 1 == options.steps;
  StepTimes times;
  times.t = step == 0 ? 1.0 : grid_time(schedule, options, step);
  times.s = last ? 0.0 : grid_time(schedule, options, step + 1);
  times.masked_t = step == 0 ? 1.0 : 1.0 - schedule.alpha(times.t);
  times.masked_s = last ? 0.0 : 1.0 - schedule.alpha(times.s);
  return times;
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

std::vector<StepTimes> step_times(const CanvasSchema& schema, const DiffusionOptions& diffusion,
                                  const SamplerOptions& options, std::int64_t step) {
  const auto schedules = modality_schedules(schema, diffusion);
  std::vector<StepTimes> times;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    times.push_back(times_of(schedules[static_cast<std::size_t>(schema.modality_of(role))], options, step));
  }
  return times;
}

}  // namespace palimpsest
