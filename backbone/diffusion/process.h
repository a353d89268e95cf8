// Noise processes: what a token that noise has hit becomes.
//
// Everything is a function of the schedule's share u = 1 - alpha(t): time only says how fast u grows.
#pragma once

#include <cmath>

#include "base/options.h"

namespace palimpsest {

// absorbing: every hit becomes the mask id (MDLM, arXiv 2406.07524). uniform: a draw among the ids that are legal at
// the position, the clean one included (D3PM, arXiv 2107.03006). interpolated: mask and uniform noise, whose uniform
// part grows to `uniform_share` at u = 1/2 and is gone at both ends, so that u = 1 is all mask (GIDD, arXiv
// 2503.04482).
enum class ProcessKind { kAbsorbing, kUniform, kInterpolated };
constexpr auto enum_names(ProcessKind) {
  return std::array{std::pair{ProcessKind::kAbsorbing, "absorbing"}, std::pair{ProcessKind::kUniform, "uniform"},
                    std::pair{ProcessKind::kInterpolated, "interpolated"}};
}

struct ProcessOptions {
  ProcessKind kind = ProcessKind::kAbsorbing;
  double uniform_share = 0.1;  // interpolated: probability of uniform noise at u = 1/2 (GIDD's p_u)

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "what noise makes of a token: absorbing, uniform, interpolated");
    visitor("uniform_share", self.uniform_share, "interpolated: probability of uniform noise half-way");
  }
  void validate() const;
};

// Where a token stands at share u. T is double or a float64 tensor.
template <class T>
struct NoiseLevel {
  T hit;                  // 1 - keep: probability of the noise
  T keep, mask, uniform;  // q(z | x): mass of the clean id, of the mask id, of all legal ids together; they sum to 1
  T to_mask, to_uniform;  // rates of jumping there, a unit of u: d(mass)/du - (d keep/du / keep) mass
};

// The masses and rates of the process at share u in (0,1). GIDD's, with c = B sqrt(u (1-u)), B = 2 p/(1-p), C = 1 + c:
// keep (1-u)/C, mask u/C, uniform c/C (with its gamma at 1); p -> 0 is the absorbing process.
template <class T>
NoiseLevel<T> noise_level(const ProcessOptions& options, const T& u) {
  using std::sqrt;
  const T none = 0 * u, kept = 1 - u, rate = 1 / kept;
  if (options.kind == ProcessKind::kAbsorbing) return {u, kept, u, none, rate, none};
  if (options.kind == ProcessKind::kUniform) return {u, kept, none, u, none, rate};
  const double bump = 2 * options.uniform_share / (1 - options.uniform_share);
  const T root = sqrt(u * kept), total = 1 + bump * root, keep = kept / total;
  return {1 - keep, keep, u / total, bump * root / total, rate / total, bump / (2 * root * total)};
}

}  // namespace palimpsest
