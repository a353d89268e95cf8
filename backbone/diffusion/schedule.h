// Noise schedules: how much of a clean token survives until time t.
//
// Shapes: B batch, L positions.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/options.h"

namespace palimpsest {

// Keep probabilities: linear 1 - t; cosine 1 - sin(pi t / 2) (MaskGIT, arXiv 2202.04200); log-linear exp(-sigma) with
// sigma = -log(1 - t), which is the linear one under the name its users know (SEDD, arXiv 2310.16834); polynomial 1 -
// t^exponent; geometric exp(-sigma) with sigma = sigma_min^(1-t) sigma_max^t (SEDD too), moved and stretched a little
// so that it is exactly 1 at t=0 and 0 at t=1, which leaves -alpha'/(1-alpha) free of the stretch.
enum class ScheduleKind { kLinear, kCosine, kLogLinear, kPolynomial, kGeometric };
constexpr auto enum_names(ScheduleKind) {
  return std::array{std::pair{ScheduleKind::kLinear, "linear"}, std::pair{ScheduleKind::kCosine, "cosine"},
                    std::pair{ScheduleKind::kLogLinear, "log-linear"},
                    std::pair{ScheduleKind::kPolynomial, "polynomial"},
                    std::pair{ScheduleKind::kGeometric, "geometric"}};
}

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kLinear;  // linear weights every mask ratio alike (MDLM, LLaDA)
  double exponent = 2.0;                      // of the polynomial schedule: alpha = 1 - t^exponent
  double floor = 1e-3;                        // smallest t in training; keeps 1/t weights finite
  double sigma_min = 1e-4, sigma_max = 20.0;  // total noise of the geometric schedule at its ends (SEDD's values)

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "how the keep probability falls: linear, cosine, log-linear, polynomial, geometric");
    visitor("exponent", self.exponent, "polynomial: alpha = 1 - t^exponent");
    visitor("floor", self.floor, "smallest time in training, as a fraction");
    visitor("sigma_min", self.sigma_min, "geometric: total noise at time 0");
    visitor("sigma_max", self.sigma_max, "geometric: total noise at time 1");
  }
  void validate() const;
};

// Survival of clean tokens: alpha falls from 1 at t=0 to 0 at t=1.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(ScheduleOptions options);

  // Take t in [0,1] of any shape and return the same shape and dtype.
  at::Tensor alpha(const at::Tensor& t) const;
  at::Tensor dalpha_dt(const at::Tensor& t) const;
  double alpha(double t) const;
  double dalpha_dt(double t) const;
  // The time whose keep probability is `alpha`, in [0,1]: the exact inverse.
  double time_of(double alpha) const;

  // Weight of the cross-entropy at masked positions: -alpha'(t) / (1 - alpha(t)).   MDLM eq. 10 (arXiv 2406.07524)
  at::Tensor elbo_weight(const at::Tensor& t) const;

  const ScheduleOptions& options() const { return options_; }

 private:
  ScheduleOptions options_;
};

}  // namespace palimpsest
