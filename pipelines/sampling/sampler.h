// The one sampler loop: a canvas with masks in, a finished canvas out; small policies decide what happens at each step.
//
// Shapes: B rows, L positions, M masked positions, V vocabulary.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backbone/denoiser.h"
#include "backbone/diffusion/diffusion.h"
#include "base/options.h"
#include "base/random.h"

namespace palimpsest {

enum class UnmaskKind { kConfidence, kAncestral };
constexpr auto enum_names(UnmaskKind) {
  return std::array{std::pair{UnmaskKind::kConfidence, "confidence"}, std::pair{UnmaskKind::kAncestral, "ancestral"}};
}

struct SamplerOptions {
  UnmaskKind unmask = UnmaskKind::kConfidence;  // MaskGIT (arXiv 2202.04200) or the reverse process (arXiv 2406.07524)
  std::int64_t steps = 16;
  double guidance = 1.0;       // w in u + w(c - u); 1 is none
  double temperature = 1.0;    // of the drawn ids; 0 takes the likeliest
  double choice_noise = 1.0;   // Gumbel noise on confidence, annealed to 0 over the steps
  std::int64_t top_k = 0;      // 0: all
  double top_p = 1.0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("unmask", self.unmask, "which positions are written: confidence or ancestral");
    visitor("steps", self.steps, "network calls (twice that with guidance)");
    visitor("guidance", self.guidance, "w in u + w(c - u); 1 is no guidance");
    visitor("temperature", self.temperature, "of the drawn ids; 0 takes the likeliest");
    visitor("choice_noise", self.choice_noise, "Gumbel noise on confidence, annealed to 0");
    visitor("top_k", self.top_k, "draw among the k likeliest; 0: all");
    visitor("top_p", self.top_p, "draw among the likeliest with this total probability");
  }
  void validate() const;
};

}  // namespace palimpsest
