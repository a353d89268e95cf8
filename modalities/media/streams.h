// What a sound or film file says of its streams, read without decoding them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

struct StreamForm {
  std::string kind;                            // "audio" or "video"
  std::string codec;                           // FFmpeg's name of it
  double seconds = 0;                          // 0 where the file does not say
  std::int64_t sample_rate = 0, channels = 0;  // of audio; Hz
  std::int64_t rows = 0, columns = 0;          // of video, as stored; pixels
  double frames_a_second = 0;                  // of video
};

// Sound and film streams in the file's order. InputError naming `name`: no sound or video that can be read.
std::vector<StreamForm> read_streams(std::string_view bytes, std::string_view name);

}  // namespace palimpsest
