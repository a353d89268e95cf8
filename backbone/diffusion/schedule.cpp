#include "backbone/diffusion/schedule.h"

#include <cmath>
#include <numbers>

namespace palimpsest {

namespace {

constexpr double kHalfPi = std::numbers::pi / 2;

// log(sigma_max / sigma_min): the geometric schedule's sigma is sigma_min exp(growth t), and sigma' = growth sigma.
double growth(const ScheduleOptions& options) { return std::log(options.sigma_max / options.sigma_min); }

// What the geometric schedule's exp(-sigma) spans from t=0 to t=1, and is divided by.
double reach(const ScheduleOptions& options) { return std::exp(-options.sigma_min) - std::exp(-options.sigma_max); }

at::Tensor sigma(const ScheduleOptions& options, const at::Tensor& t) {
  return options.sigma_min * at::exp(growth(options) * t);
}

double sigma(const ScheduleOptions& options, double t) { return options.sigma_min * std::exp(growth(options) * t); }

}  // namespace

void ScheduleOptions::validate() const {
  if (!(exponent > 0)) throw InputError("", "exponent", "must be greater than 0");
  if (!(floor >= 0 && floor < 1)) throw InputError("", "floor", "must be in [0, 1)");
  if (!(sigma_min > 0)) throw InputError("", "sigma_min", "must be greater than 0");
  if (!(sigma_max > sigma_min)) throw InputError("", "sigma_max", "must be greater than sigma_min");
}

NoiseSchedule::NoiseSchedule(ScheduleOptions options) : options_(options) { options_.validate(); }

at::Tensor NoiseSchedule::alpha(const at::Tensor& t) const {
  switch (options_.kind) {
    case ScheduleKind::kCosine:
      return 1 - at::sin(kHalfPi * t);
    case ScheduleKind::kPolynomial:
      return 1 - at::pow(t, options_.exponent);
    case ScheduleKind::kGeometric:
      return (at::exp(-sigma(options_, t)) - std::exp(-options_.sigma_max)) / reach(options_);
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
    case ScheduleKind::kGeometric: {
      const at::Tensor sigma_t = sigma(options_, t);
      return -growth(options_) / reach(options_) * sigma_t * at::exp(-sigma_t);
    }
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
    case ScheduleKind::kGeometric:
      return (std::exp(-sigma(options_, t)) - std::exp(-options_.sigma_max)) / reach(options_);
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return 1 - t;
  }
  TORCH_CHECK(false, "NoiseSchedule: unknown kind");
}

double NoiseSchedule::dalpha_dt(double t) const { return dalpha_dt(at::scalar_tensor(t, at::kDouble)).item<double>(); }

double NoiseSchedule::time_of(double alpha) const {
  switch (options_.kind) {
    case ScheduleKind::kCosine:
      return std::asin(1 - alpha) / kHalfPi;
    case ScheduleKind::kPolynomial:
      return std::pow(1 - alpha, 1 / options_.exponent);
    case ScheduleKind::kGeometric:
      return std::log(-std::log(alpha * reach(options_) + std::exp(-options_.sigma_max)) / options_.sigma_min) /
             growth(options_);
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return 1 - alpha;
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
    case ScheduleKind::kGeometric: {
      const at::Tensor sigma_t = sigma(options_, t);
      return growth(options_) * sigma_t / at::expm1(options_.sigma_min * at::expm1(growth(options_) * t));
    }
    case ScheduleKind::kLinear:
    case ScheduleKind::kLogLinear:
      return 1 / t;
  }
  TORCH_CHECK(false, "NoiseSchedule: unknown kind");
}

}  // namespace palimpsest
