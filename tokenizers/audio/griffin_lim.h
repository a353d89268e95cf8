// A waveform for given magnitudes: the phases are found by going back and forth (Griffin and Lim 1984), with momentum
// (Perraudin, Balazs and Soendergaard, "A fast Griffin-Lim algorithm", WASPAA 2013).
//
// Shapes: T frames, K frequency bins, N samples (T*hop).
#pragma once

#include "tokenizers/audio/mel.h"

namespace palimpsest {

struct GriffinLimOptions {
  std::int64_t iterations = 48;
  double momentum = 0.99;  // 0 is the algorithm of 1984

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("iterations", self.iterations, "passes between magnitudes and phases");
    visitor("momentum", self.momentum, "how far each pass goes on in its direction");
  }
  void validate() const;
};

// Magnitudes as of magnitudes_TK; returns float32 [T*hop]. The first phases are a fixed draw: the same input, the same
// sound.
at::Tensor griffin_lim(const at::Tensor& magnitudes_TK, const MelOptions& mel, const GriffinLimOptions& options);

}  // namespace palimpsest
