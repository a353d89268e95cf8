#include "tokenizers/audio/mel.h"

#include <cmath>

#include "base/errors.h"

namespace palimpsest {

namespace {

double mel_of_hertz(double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); }
double hertz_of_mel(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

}  // namespace

void MelOptions::validate() const {
  if (sample_rate < 1) throw InputError("", "sample_rate", "must be positive");
  if (window < 16 || (window & (window - 1)) != 0)
    throw InputError("", "window", "must be a power of two, at least 16");
  if (hop < 1 || hop > window / 2) throw InputError("", "hop", "must be 1 to half the window");
  if (bands < 1 || bands > window / 2) throw InputError("", "bands", "must be 1 to half the window");
  if (!(lowest >= 0)) throw InputError("", "lowest", "must not be negative");
  if (!(highest > lowest) || highest > 0.5 * static_cast<double>(sample_rate)) {
    throw InputError("", "highest", "must be above lowest and at most half the sample rate");
  }
  if (!(floor > 0)) throw InputError("", "floor", "must be positive");
}

at::Tensor mel_filters_MK(const MelOptions& options) {
  const std::int64_t bins = options.window / 2 + 1;
  const double low = mel_of_hertz(options.lowest), high = mel_of_hertz(options.highest);
  const auto edge = [&](std::int64_t index) {
    return hertz_of_mel(low + (high - low) * static_cast<double>(index) / static_cast<double>(options.bands + 1));
  };
  at::Tensor filters_MK = at::zeros({options.bands, bins});
  auto filters = filters_MK.accessor<float, 2>();
  for (std::int64_t band = 0; band < options.bands; ++band) {
    const double left = edge(band), peak = edge(band + 1), right = edge(band + 2);
    for (std::int64_t bin = 0; bin < bins; ++bin) {
      const double hertz = static_cast<double>(bin * options.sample_rate) / static_cast<double>(options.window);
      const double height = std::min((hertz - left) / (peak - left), (right - hertz) / (right - peak));
      filters[band][bin] = static_cast<float>(std::max(0.0, height));
    }
  }
  return filters_MK;
}

at::Tensor magnitudes_TK(const at::Tensor& samples_N, const MelOptions& options) {
  TORCH_CHECK(samples_N.dim() == 1, "magnitudes_TK: expected [N], got ", samples_N.sizes());
  const std::int64_t frames = (samples_N.size(0) + options.hop - 1) / options.hop;
  if (frames == 0) return at::zeros({0, options.window / 2 + 1}, samples_N.options());
  const at::Tensor window = at::hann_window(options.window, samples_N.options());
  const std::int64_t half = options.window / 2;
  const std::int64_t needed =
      std::max<std::int64_t>(0, (frames - 1) * options.hop + options.window - half - samples_N.size(0));
  const at::Tensor padded = at::constant_pad_nd(samples_N, {half, needed});
  const at::Tensor frames_TN = padded.unfold(0, options.window, options.hop).slice(0, 0, frames) * window;
  return at::abs(at::fft_rfft(frames_TN)) * (2.0 / window.sum().item<double>());
}

at::Tensor log_mel_TM(const at::Tensor& samples_N, const MelOptions& options) {
  const at::Tensor filters_MK = mel_filters_MK(options).to(samples_N.device());
  return at::log(at::matmul(magnitudes_TK(samples_N, options), filters_MK.t()) + options.floor);
}

at::Tensor magnitudes_of_mel_TK(const at::Tensor& log_mel_TM, const MelOptions& options, std::int64_t iterations) {
  const at::Tensor filters_MK = mel_filters_MK(options).to(log_mel_TM.device());
  const at::Tensor mel_TM = at::clamp_min(at::exp(log_mel_TM) - options.floor, 0);
  const at::Tensor target_TK = at::matmul(mel_TM, filters_MK);
  constexpr double kTiny = 1e-12;
  at::Tensor found_TK = target_TK / (filters_MK.square().sum(0) + kTiny) + kTiny;
  for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
    found_TK = found_TK * target_TK / (at::matmul(at::matmul(found_TK, filters_MK.t()), filters_MK) + kTiny);
  }
  return found_TK;
}

}  // namespace palimpsest
