// Shapes: N samples, F frames.
#include <cmath>

#include "datasets/prepare/measures.h"

namespace palimpsest {

namespace {

constexpr double kFrameSeconds = 0.02, kSilentLevel = -50.0;  // dB of full scale
constexpr double kFullScale = 0.999;
constexpr double kQuietest = 1e-6;  // of full scale; what is quieter counts as -120 dB

double decibels(double amplitude) { return 20.0 * std::log10(std::max(amplitude, kQuietest)); }

template <double (*measure)(const Audio&)>
MeasureFunction of_sound(const std::string& of) {
  refuse_argument(of);
  return [](const Media& media) {
    const Audio& audio = std::get<Audio>(media);
    return audio.samples_N.numel() == 0 ? 0.0 : measure(audio);
  };
}

double seconds(const Audio& audio) {
  return static_cast<double>(audio.samples_N.numel()) / static_cast<double>(audio.sample_rate);
}

double level(const Audio& audio) {
  return decibels(audio.samples_N.to(at::kDouble).square().mean().sqrt().item<double>());
}

double peak(const Audio& audio) { return audio.samples_N.abs().max().item<double>(); }

double clipped(const Audio& audio) {
  return (audio.samples_N.abs() >= kFullScale).to(at::kDouble).mean().item<double>();
}

double silence(const Audio& audio) {
  const auto frame =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(kFrameSeconds * static_cast<double>(audio.sample_rate)));
  const std::int64_t frames = std::max<std::int64_t>(1, audio.samples_N.numel() / frame);
  const std::int64_t used = std::min(audio.samples_N.numel(), frames * frame);
  const at::Tensor power_F = audio.samples_N.slice(0, 0, used).view({frames, -1}).square().mean(1);
  return (power_F < std::pow(10.0, kSilentLevel / 10.0)).to(at::kDouble).mean().item<double>();
}

}  // namespace

const std::vector<Measure>& audio_measures() {
  static const std::vector<Measure> measures{
      {"seconds", "audio", "duration", "", of_sound<seconds>},
      {"level", "audio", "root mean square, dB of full scale, -120 at least", "", of_sound<level>},
      {"peak", "audio", "greatest amplitude, 1 is full scale", "", of_sound<peak>},
      {"clipped", "audio", "share of samples at 0.999 of full scale or above, 0 to 1", "", of_sound<clipped>},
      {"silence", "audio", "share of frames of 20 ms below -50 dB of full scale, 0 to 1", "", of_sound<silence>},
  };
  return measures;
}

}  // namespace palimpsest
