// Mel spectrograms: how loud each of a few ear-like bands is, a hundred times a second.
//
// Shapes: N samples, T frames, K frequency bins (fft/2+1), M mel bands.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "base/options.h"

namespace palimpsest {

struct MelOptions {
  std::int64_t sample_rate = 16'000;  // Hz
  std::int64_t hop = 160;             // samples a frame: 10 ms
  std::int64_t window = 512;          // samples under the Hann window: 32 ms
  std::int64_t bands = 80;
  double lowest = 0;       // Hz, lower edge of the first band
  double highest = 8'000;  // Hz, upper edge of the last band
  double floor = 1e-5;     // magnitude added before the logarithm, of a full-scale range of 1

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("sample_rate", self.sample_rate, "samples a second");
    visitor("hop", self.hop, "samples a frame");
    visitor("window", self.window, "samples under the analysis window, a power of two");
    visitor("bands", self.bands, "mel bands");
    visitor("lowest", self.lowest, "lower edge of the first band, Hz");
    visitor("highest", self.highest, "upper edge of the last band, Hz");
    visitor("floor", self.floor, "magnitude added before the logarithm");
  }
  void validate() const;
};

// Triangles of height 1 on the mel scale 2595 log10(1 + f/700) (O'Shaughnessy 1987), float32 [M,K].
at::Tensor mel_filters_MK(const MelOptions& options);

// Magnitudes of the short-time Fourier transform, float32 [T,K]: frame t is centred on sample t*hop, edges are
// zero-padded, and T = ceil(N/hop). Divided by half the window's sum, so that a full-scale sine has magnitude 1.
at::Tensor magnitudes_TK(const at::Tensor& samples_N, const MelOptions& options);

// log(floor + filters * magnitudes), float32 [T,M].
at::Tensor log_mel_TM(const at::Tensor& samples_N, const MelOptions& options);

// Non-negative magnitudes [T,K] whose mel bands are those of `log_mel_TM`: least squares by multiplicative updates (Lee
// and Seung, "Algorithms for non-negative matrix factorization", 2000) from the transposed filters' spread.
at::Tensor magnitudes_of_mel_TK(const at::Tensor& log_mel_TM, const MelOptions& options, std::int64_t iterations = 30);

}  // namespace palimpsest
