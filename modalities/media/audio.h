// Audio: any container or codec FFmpeg knows, mixed to mono and resampled to the asked rate.
//
// Shapes: N samples.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

struct AudioLimits {
  double max_seconds = 300;  // of the sound as its file has it; a longer one is refused before it is in memory
  std::int64_t min_rate = 1'000, max_rate = 768'000;  // Hz, of the file
};

// `name` is what errors call the bytes. InputError: unknown format, no audio stream, truncated, too long, a sample rate
// beyond the limit, more channels than can be mixed.
Audio decode_audio(std::string_view bytes, std::int64_t sample_rate, std::string_view name,
                   const AudioLimits& limits = {});
Audio load_audio(const std::filesystem::path& path, std::int64_t sample_rate, const AudioLimits& limits = {});

// A sound read from its beginning in pieces, of which no more than a piece is in memory.
class SoundReader {
 public:
  // The bytes must outlive it. InputError as of decode_audio, here or where it turns out.
  SoundReader(std::string_view bytes, std::string_view name, std::int64_t sample_rate, const AudioLimits& limits = {});
  ~SoundReader();

  // The next `count` samples, float32 [N], or fewer at the end.
  at::Tensor read(std::int64_t count);

 private:
  struct Sound;
  std::unique_ptr<Sound> sound_;
};

// 16-bit PCM WAV; what passes full scale is held at it. c10::Error for samples that are not finite.
std::string encode_wav(const Audio& audio);
void save_wav(const Audio& audio, const std::filesystem::path& path);

// The picture frames of a video, at most `max_frames`, evenly spaced over its length.
std::vector<Image> load_video_frames(const std::filesystem::path& path, std::int64_t max_frames);

}  // namespace palimpsest
