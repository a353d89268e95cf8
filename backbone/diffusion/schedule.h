// Noise schedules: how much of a clean token survives until time t.
//
// Shapes: B batch, L positions.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/options.h"

namespace palimpsest {

// Keep probabilities: linear 1 - t; cosine 1 - sin(pi t / 2) (MaskGIT, arXiv 2202.04200); log-linear exp(-sigma) with
// sigma = -log(1 - t), which is the linear one under the name its users know (SEDD, arXiv 2310.16834); polynomial 1 -
// t^exponent.
enum class ScheduleKind { kLinear, kCosine, kLogLinear, kPolynomial };
constexpr auto enum_names(ScheduleKind) {
  return std::array{std::pair{ScheduleKind::kLinear, "linear"}, std::pair{ScheduleKind::kCosine, "cosine"},
                    std::pair{ScheduleKind::kLogLinear, "log-linear"},
                    std::pair{ScheduleKind::kPolynomial, "polynomial"}};
}

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kLinear;  // linear weights every mask ratio alike (MDLM, LLaDA)
  double exponent = 2.0;                      // of the polynomial schedule: alpha = 1 - t^exponent
  double floor = 1e-3;                        // smallest t in training; keeps 1/t weights finite

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "how the keep probability falls: linear, cosine, log-linear, polynomial");
    visitor("exponent", self.exponent, "polynomial: alpha = 1 - t^exponent");
    visitor("floor", self.floor, "smallest time in training, as a fraction");
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

  // Weight of the cross-entropy at masked positions: -alpha'(t) / (1 - alpha(t)).   MDLM eq. 10 (arXiv 2406.07524)
  at::Tensor elbo_weight(const at::Tensor& t) const;

  const ScheduleOptions& options() const { return options_; }

 private:
  ScheduleOptions options_;
};

}  // namespace palimpsest
