#include "backbone/diffusion/schedule.h"

#include <cmath>
#include <numbers>

namespace palimpsest {

namespace {
constexpr double kHalfPi = std::numbers::pi / 2;
}  // namespace

void ScheduleOptions::validate() const {
  if (!(exponent > 0)) throw InputError("", "exponent", "must be greater than 0");
  if (!(floor >= 0 && floor < 1)) throw InputError("", "floor", "must be in [0, 1)");
}

NoiseSchedule::NoiseSchedule(ScheduleOptions options) : options_(options) { options_.validate(); }

at::Tensor NoiseSchedule::alpha(const at::Tensor& t) const {
  switch (options_.kind) {
    case ScheduleKind::kCosine:
      return 1 - at::sin(kHalfPi * t);
    case ScheduleKind::kPolynomial:
      return 1 - at::pow(t, options_.exponent);
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return 1 - t;
  }
  TORCH_CHECK(false, "NoiseSchedule: unknown kind");
}

at::Tensor NoiseSchedule::dalpha_dt(const at::Tensor& t) const {
  switch (options_.kind) {
    case ScheduleKind::kCosine:
      return -kHalfPi * at::cos(kHalfPi * t);
    case ScheduleKind::kPolynomial:
      return -options_.exponent * at::pow(t, options_.exponent - 1);
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return -at::ones_like(t);
  }
  TORCH_CHECK(false, "NoiseSchedule: unknown kind");
}

double NoiseSchedule::alpha(double t) const {
  switch (options_.kind) {
    case ScheduleKind::kCosine:
      return 1 - std::sin(kHalfPi * t);
    case ScheduleKind::kPolynomial:
      return 1 - std::pow(t, options_.exponent);
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return 1 - t;
  }
  TORCH_CHECK(false, "NoiseSchedule: unknown kind");
}

// The closed forms, which stay exact where 1 - alpha would cancel.
at::Tensor NoiseSchedule::elbo_weight(const at::Tensor& t) const {
  switch (options_.kind) {
    case ScheduleKind::kCosine:
      return kHalfPi / at::tan(kHalfPi * t);
    case ScheduleKind::kPolynomial:
      return options_.exponent / t;
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return 1 / t;
  }
  TORCH_CHECK(false, "NoiseSchedule: unknown kind");
}

}  // namespace palimpsest
