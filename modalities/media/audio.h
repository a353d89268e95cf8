// Audio: any container or codec FFmpeg knows, mixed to mono and resampled to the asked rate.
//
// Shapes: N samples.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

struct AudioLimits {
  double max_seconds = 3600;  // longer sounds are refused
};

// `name` is what errors call the bytes. InputError: unknown format, no audio stream, truncated, too long.
Audio decode_audio(std::string_view bytes, std::int64_t sample_rate, std::string_view name,
                   const AudioLimits& limits = {});
Audio load_audio(const std::filesystem::path& path, std::int64_t sample_rate, const AudioLimits& limits = {});

// 16-bit PCM WAV; what passes full scale is held at it. c10::Error for samples that are not finite.
std::string encode_wav(const Audio& audio);
void save_wav(const Audio& audio, const std::filesystem::path& path);

// The picture frames of a video, at most `max_frames`, evenly spaced over its length.
std::vector<Image> load_video_frames(const std::filesystem::path& path, std::int64_t max_frames);

}  // namespace palimpsest
