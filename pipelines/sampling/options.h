// SamplerOptions: everything a person can choose about a generation; the recipe's [sampler].
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/options.h"

namespace palimpsest {

enum class UnmaskKind { kConfidence, kAncestral };
constexpr auto enum_names(UnmaskKind) {
  return std::array{std::pair{UnmaskKind::kConfidence, "confidence"}, std::pair{UnmaskKind::kAncestral, "ancestral"}};
}

enum class TimeGridKind { kUniform, kCosine };
constexpr auto enum_names(TimeGridKind) {
  return std::array{std::pair{TimeGridKind::kUniform, "uniform"}, std::pair{TimeGridKind::kCosine, "cosine"}};
}

// [sampler.roles.NAME]: what differs for one role. A negative value means "as in [sampler]".
struct RoleSamplerOptions {
  double temperature = -1;
  std::int64_t top_k = -1;
  double top_p = -1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("temperature", self.temperature, "of the drawn ids; negative: as in [sampler]");
    visitor("top_k", self.top_k, "draw among the k likeliest; negative: as in [sampler]");
    visitor("top_p", self.top_p, "draw among the likeliest with this probability; negative: as in [sampler]");
  }
};

// How an id is drawn from a row of log-probabilities.
struct DrawOptions {
  double temperature = 1.0;
  std::int64_t top_k = 0;
  double top_p = 1.0;
};

struct SamplerOptions {
  UnmaskKind unmask = UnmaskKind::kConfidence;  // MaskGIT (arXiv 2202.04200) or the reverse process (arXiv 2406.07524)
  TimeGridKind grid = TimeGridKind::kCosine;    // few ids while little is known, as in MaskGIT section 3.3
  std::int64_t steps = 16;
  double guidance = 1.0;      // w in u + w(c - u); 1 is none, 0 is unconditional
  double temperature = 1.0;   // of the drawn ids; 0 takes the likeliest
  double choice_noise = 1.0;  // Gumbel noise on confidence, annealed to 0 over the steps
  std::int64_t top_k = 0;     // 0: all
  double top_p = 1.0;
  std::map<std::string, RoleSamplerOptions> roles;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("unmask", self.unmask, "which positions are written: confidence or ancestral");
    visitor("grid", self.grid, "times of the steps: uniform, or cosine in the masked share");
    visitor("steps", self.steps, "network calls (twice that with guidance)");
    visitor("guidance", self.guidance, "w in u + w(c - u); 1 is no guidance, 0 is unconditional");
    visitor("temperature", self.temperature, "of the drawn ids; 0 takes the likeliest");
    visitor("choice_noise", self.choice_noise, "Gumbel noise on confidence, annealed to 0");
    visitor("top_k", self.top_k, "draw among the k likeliest; 0: all");
    visitor("top_p", self.top_p, "draw among the likeliest with this total probability");
    visitor("roles", self.roles, "temperature, top_k and top_p by role");
  }
  void validate() const;

  // The choices that hold for a role.
  DrawOptions draw(const std::string& role) const;
};

}  // namespace palimpsest
