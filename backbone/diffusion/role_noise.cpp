#include "backbone/diffusion/role_noise.h"

namespace palimpsest {

namespace {

// The largest time below 1 that a float32 holds: at 1 itself rates are infinite.
constexpr double kLatest = 1 - 0x1p-24;

double latest_time(const NoiseSchedule& schedule, const DiffusionOptions& options) {
  if (options.process.kind == ProcessKind::kAbsorbing && !options.complementary) return 1.0;
  return std::min(kLatest, schedule.time_of(1 - schedule.alpha(schedule.options().floor)));
}

}  // namespace

RoleNoise role_noise(const NoiseSchedule& schedule, const DiffusionOptions& options, double u, bool twin) {
  const WeighedTime drawn = draw_time(options.times.density, u);
  const double floor = schedule.options().floor;
  const double t = floor + (latest_time(schedule, options) - floor) * drawn.time;
  const double share = 1 - schedule.alpha(t);
  const NoiseLevel<double> level = noise_level(options.process, share);
  if (!twin) return {t, level.hit, drawn.weight, level, false};
  const double twin_t = schedule.time_of(share);
  return {twin_t, share, drawn.weight * schedule.dalpha_dt(t) / schedule.dalpha_dt(twin_t),
          noise_level(options.process, 1 - schedule.alpha(twin_t)), true};
}

}  // namespace palimpsest
