// Tones of scenes, and scenes read back from tones: the grid as a score.
//
// The cells follow each other in reading order, each kCellSeconds long: in its first half sounds what stands in the
// cell, in its second what is inside it, and an empty half is silent. A colour is a pitch (kFirstPitch and up by one
// and a half semitones each, within an octave), a shape a timbre (which of the first four harmonics sound), a size a
// duration (short or long). What is not told has the first colour's pitch, the first shape's timbre, the long duration.
//
// Shapes: N samples.
#pragma once

#include "datasets/scenes/scene.h"
#include "modalities/media/media.h"

namespace palimpsest {

inline constexpr double kCellSeconds = 0.24;
inline constexpr double kFirstPitch = 400.0;  // Hz; the highest harmonic lies below 3 kHz
inline constexpr std::int64_t kLeastSampleRate = 8000;

// Seconds that a scene's tones take, the same for all of one grid.
double tones_seconds(std::int64_t grid);

// c10::Error for a rate under kLeastSampleRate.
Audio sound_tones(const Scene& scene, const Attributes& told, std::int64_t sample_rate);

// What tones tell on a grid of so many cells a side, by the strengths of harmonics; attributes that were not told are
// the first. Exact on what sound_tones makes. A sound that ends early has silent cells.
Scene read_tones(const Audio& audio, std::int64_t grid, const Attributes& told);

}  // namespace palimpsest
