#include "datasets/scenes/tones.h"

#include <ATen/ops/zeros.h>

#include <cmath>
#include <complex>
#include <numbers>

namespace palimpsest {

namespace {

constexpr std::size_t kHarmonics = 4;
using Strengths = std::array<double, kHarmonics>;

constexpr double kNoteSeconds = kCellSeconds / 2.0, kShortSeconds = 0.055, kLongSeconds = 0.11;
constexpr double kSemitonesApart = 1.5, kAmplitude = 0.5, kRamp = 0.006;
constexpr double kSilence = 0.05;      // of a whole note's strength: less is taken for silence
constexpr double kStillSounds = 0.35;  // of the first half's strength in the second: more is a long note

// Which harmonics sound, the loudness of all being alike.
Strengths timbre_of(Shape shape) {
  switch (shape) {
    case Shape::kCircle:
      return {1, 0, 0, 0};
    case Shape::kSquare:
      return {1, 0, 1, 0};
    case Shape::kTriangle:
      return {1, 1, 0, 0};
    case Shape::kDiamond:
      return {1, 0, 0, 1};
    case Shape::kCross:
      return {1, 1, 1, 0};
    case Shape::kStar:
      return {1, 1, 1, 1};
  }
  return {};
}

double length_of(const Strengths& strengths) {
  double sum = 0;
  for (const double strength : strengths) sum += strength * strength;
  return std::sqrt(sum);
}

double pitch_of(Colour colour) { return kFirstPitch * std::exp2(kSemitonesApart * static_cast<double>(colour) / 12.0); }

double seconds_of(Size size) { return size == Size::kLarge ? kLongSeconds : kShortSeconds; }

// What sounds for a thing when only some of it is told.
Thing told_of(const Thing& thing, const Attributes& told) {
  Thing sounding = thing;
  if (!contains(told, Attribute::kShape)) sounding.shape = Shape::kCircle;
  if (!contains(told, Attribute::kColour)) sounding.colour = Colour::kRed;
  if (!contains(told, Attribute::kSize)) sounding.size = Size::kLarge;
  return sounding;
}

// Second at which a note of the grid begins.
double beginning(const Thing& thing, std::int64_t grid) {
  return static_cast<double>(thing.row * grid + thing.column) * kCellSeconds + (thing.inside ? kNoteSeconds : 0.0);
}

void add_note(const Thing& thing, double begin, std::int64_t rate, at::Tensor& samples_N) {
  const Strengths timbre = timbre_of(thing.shape);
  const double seconds = seconds_of(thing.size), scale = kAmplitude / length_of(timbre);
  const auto first = static_cast<std::int64_t>(std::llround(begin * static_cast<double>(rate)));
  const auto count = static_cast<std::int64_t>(seconds * static_cast<double>(rate));
  auto samples = samples_N.accessor<float, 1>();
  for (std::int64_t i = 0; i < count; ++i) {
    const double time = (static_cast<double>(i) + 0.5) / static_cast<double>(rate);
    const double swell = std::min({1.0, time / kRamp, (seconds - time) / kRamp});
    double value = 0;
    for (std::size_t h = 0; h < kHarmonics; ++h) {
      const double turn = 2.0 * std::numbers::pi * pitch_of(thing.colour) * static_cast<double>(h + 1) * time;
      value += timbre[h] * std::sin(turn);
    }
    samples[first + i] += static_cast<float>(scale * std::max(0.0, swell) * value);
  }
}

// Strength of a frequency in `count` samples from `first` on, under a Hann window: the amplitude of a pure tone.
double strength(const Audio& audio, std::int64_t first, std::int64_t count, double frequency) {
  const auto samples = audio.samples_N.accessor<float, 1>();
  const double step = 2.0 * std::numbers::pi * frequency / static_cast<double>(audio.sample_rate);
  const std::complex<double> turn = std::polar(1.0, -step);
  std::complex<double> phase = 1.0, sum = 0.0;
  for (std::int64_t i = 0; i < count && first + i < samples.size(0); ++i, phase *= turn) {
    const double window =
        0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(count));
    sum += window * static_cast<double>(samples[first + i]) * phase;
  }
  return 4.0 * std::abs(sum) / static_cast<double>(count);
}

// The note that begins there, if one does: of all pitches and timbres the one whose harmonics match the strengths best.
std::optional<Thing> read_note(const Audio& audio, double begin) {
  const auto at = [&](double seconds) {
    return static_cast<std::int64_t>(std::llround(seconds * static_cast<double>(audio.sample_rate)));
  };
  const std::int64_t count = at(kShortSeconds);
  Thing best;
  double most = kSilence * kAmplitude;
  bool found = false;
  for (const auto& [colour, colour_name] : enum_names(Colour{})) {
    Strengths heard{};
    for (std::size_t h = 0; h < kHarmonics; ++h)
      heard[h] = strength(audio, at(begin), count, pitch_of(colour) * static_cast<double>(h + 1));
    for (const auto& [shape, shape_name] : enum_names(Shape{})) {
      const Strengths timbre = timbre_of(shape);
      double match = 0;
      for (std::size_t h = 0; h < kHarmonics; ++h) match += heard[h] * timbre[h];
      match /= length_of(timbre);
      if (match <= most) continue;
      most = match;
      best.colour = colour;
      best.shape = shape;
      found = true;
    }
  }
  if (!found) return std::nullopt;
  const double pitch = pitch_of(best.colour);
  const double later = strength(audio, at(begin + kShortSeconds), count, pitch),
               now = strength(audio, at(begin), count, pitch);
  best.size = later > kStillSounds * now ? Size::kLarge : Size::kSmall;
  return best;
}

}  // namespace

double tones_seconds(std::int64_t grid) { return static_cast<double>(grid * grid) * kCellSeconds; }

Audio sound_tones(const Scene& scene, const Attributes& told, std::int64_t sample_rate) {
  TORCH_CHECK(sample_rate >= kLeastSampleRate, "sound_tones: at least ", kLeastSampleRate, " Hz, got ", sample_rate);
  const auto count =
      static_cast<std::int64_t>(std::llround(tones_seconds(scene.grid) * static_cast<double>(sample_rate)));
  at::Tensor samples_N = at::zeros({count}, at::kFloat);
  for (const Thing& thing : scene.things)
    add_note(told_of(thing, told), beginning(thing, scene.grid), sample_rate, samples_N);
  return {samples_N, sample_rate};
}

Scene read_tones(const Audio& audio, std::int64_t grid, const Attributes& told) {
  const Audio whole{audio.samples_N.to(at::kFloat).contiguous(), audio.sample_rate};
  Scene scene{grid, {}};
  for (std::int64_t note = 0; note < 2 * grid * grid; ++note) {
    Thing place;
    place.row = note / 2 / grid;
    place.column = note / 2 % grid;
    place.inside = note % 2 == 1;
    auto heard = read_note(whole, beginning(place, grid));
    if (!heard) continue;
    *heard = told_of(*heard, told);
    heard->row = place.row;
    heard->column = place.column;
    heard->inside = place.inside;
    scene.things.push_back(*heard);
  }
  return scene;
}

}  // namespace palimpsest
