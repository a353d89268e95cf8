// What the recipe's table [diffusion.objective] says.
#pragma once

#include "base/options.h"

namespace palimpsest {

// Losses of a position at time t, u = 1 - alpha(t), SNR = alpha/u; CE is over the ids legal there. For the uniform and
// the interpolated process the weighted CE of nelbo and snr-clipped is the process's own bound (elbo.h).
//   nelbo          -alpha'/u CE where masked: the continuous-time bound                       MDLM, arXiv 2406.07524
//   simplified     CE wherever something is to be predicted                          MaskGIT, arXiv 2202.04200
//   snr-clipped    nelbo times min(1, clip/SNR)                                   min-SNR, arXiv 2303.09556
//   score-entropy  logits are log ratios; absorbing and uniform only                   SEDD, arXiv 2310.16834
enum class ObjectiveKind { kNelbo, kSimplified, kSnrClipped, kScoreEntropy };
constexpr auto enum_names(ObjectiveKind) {
  return std::array{std::pair{ObjectiveKind::kNelbo, "nelbo"}, std::pair{ObjectiveKind::kSimplified, "simplified"},
                    std::pair{ObjectiveKind::kSnrClipped, "snr-clipped"},
                    std::pair{ObjectiveKind::kScoreEntropy, "score-entropy"}};
}

struct ObjectiveOptions {
  ObjectiveKind kind = ObjectiveKind::kNelbo;
  double clip = 5.0;   // snr-clipped: largest signal-to-noise ratio that counts in full (min-SNR's value)
  double focal = 0.0;  // CE times (1 - p)^focal; 0: not at all   (arXiv 1708.02002; for diffusion arXiv 2410.14157)

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "nelbo, simplified, snr-clipped or score-entropy");
    visitor("clip", self.clip, "snr-clipped: signal-to-noise ratio that weights are capped at");
    visitor("focal", self.focal, "cross-entropy times (1 - p)^focal; 0: not at all");
  }
  void validate() const;
};

}  // namespace palimpsest
