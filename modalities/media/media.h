// Media: values decoded from files. Text, Image, Audio.
//
// Shapes: H rows, W columns, C colour channels (3, RGB), N samples.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace palimpsest {

struct Text {
  std::string utf8;  // valid UTF-8, NFC
};

struct Image {
  at::Tensor pixels_HWC;  // uint8, RGB
};

struct Audio {
  at::Tensor samples_N;          // float32, mono; full scale is [-1,1], resampling may pass it a little
  std::int64_t sample_rate = 0;  // Hz
};

// A fourth kind of media is added here, with its codec beside it and its tokenizer in tokenizers/.
using Media = std::variant<Text, Image, Audio>;

// "text", "image" or "audio".
std::string_view media_kind(const Media& media);

// Of memory.
std::size_t media_bytes(const Media& media);

}  // namespace palimpsest
