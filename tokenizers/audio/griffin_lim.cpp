#include "tokenizers/audio/griffin_lim.h"

#include <numbers>

#include "base/errors.h"
#include "base/random.h"

namespace palimpsest {

namespace {

// Frames under the window, centred on multiples of the hop, and the least-squares way back.
class Transform {
 public:
  Transform(const MelOptions& mel, std::int64_t frames)
      : hop_(mel.hop),
        size_(mel.window),
        frames_(frames),
        window_(at::hann_window(mel.window)),
        scale_(0.5 * window_.sum().item<double>()) {
    envelope_ = overlap_add(window_.square().expand({frames, size_})).clamp_min(1e-8);
  }

  // [P] padded samples <-> complex [T,K].
  at::Tensor forward(const at::Tensor& padded) const {
    return at::fft_rfft(padded.unfold(0, size_, hop_) * window_) / scale_;
  }
  at::Tensor inverse(const at::Tensor& spectrum_TK) const {
    return overlap_add(at::fft_irfft(spectrum_TK * scale_, size_) * window_) / envelope_;
  }

  // The samples that the frames are centred on: T*hop from the first centre.
  at::Tensor trim(const at::Tensor& padded) const {
    return padded.slice(0, size_ / 2, std::min(padded.size(0), size_ / 2 + frames_ * hop_));
  }

 private:
  at::Tensor overlap_add(const at::Tensor& frames_TN) const {
    const std::int64_t length = (frames_ - 1) * hop_ + size_;
    return at::col2im(frames_TN.t().unsqueeze(0), {1, length}, {1, size_}, {1, 1}, {0, 0}, {1, hop_}).flatten();
  }

  std::int64_t hop_, size_, frames_;
  at::Tensor window_, envelope_;
  double scale_;
};

// Complex numbers of length 1.
at::Tensor phases_of(const at::Tensor& spectrum) { return spectrum / (at::abs(spectrum) + 1e-12); }

}  // namespace

void GriffinLimOptions::validate() const {
  if (iterations < 1) throw InputError("", "iterations", "must be positive");
  if (!(momentum >= 0 && momentum < 1)) throw InputError("", "momentum", "must be in [0,1)");
}

at::Tensor griffin_lim(const at::Tensor& magnitudes_TK, const MelOptions& mel, const GriffinLimOptions& options) {
  TORCH_CHECK(magnitudes_TK.dim() == 2 && magnitudes_TK.size(1) == mel.window / 2 + 1, "griffin_lim: expected [T,",
              mel.window / 2 + 1, "], got ", magnitudes_TK.sizes());
  const std::int64_t frames = magnitudes_TK.size(0), bins = magnitudes_TK.size(1);
  if (frames == 0) return at::zeros({0});
  const at::Tensor magnitudes = magnitudes_TK.to(at::kCPU, at::kFloat);
  const Transform transform(mel, frames);
  const RandomKey key = RandomKey::root(0).fold("griffin-lim");
  const at::Tensor turns = uniform_BN(std::span(&key, 1), frames * bins).view({frames, bins}).to(at::kFloat);
  at::Tensor phases = at::polar(at::ones_like(turns), turns * (2 * std::numbers::pi));
  at::Tensor previous = at::zeros_like(phases);
  for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
    const at::Tensor consistent = transform.forward(transform.inverse(magnitudes * phases));
    phases = phases_of(consistent - previous * (options.momentum / (1 + options.momentum)));
    previous = consistent;
  }
  const at::Tensor samples = transform.trim(transform.inverse(magnitudes * phases));
  return at::constant_pad_nd(samples, {0, frames * mel.hop - samples.size(0)});
}

}  // namespace palimpsest
