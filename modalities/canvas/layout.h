// Layout: what each id of a media item is and where it stands.
//
// Shapes: L ids, A coordinates (kAxes).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace palimpsest {

// Coordinates of an id: depth (scale of an image, codebook of audio), row (frame of audio, index of text), column.
// Unused axes are 0.
inline constexpr std::int64_t kAxes = 3;
enum class Axis : std::int64_t { kDepth = 0, kRow = 1, kColumn = 2 };

struct Layout {
  std::string modality;       // "text", "image", "audio": a name, so that a new one needs no edit here
  at::Tensor coordinates_LA;  // int32 [L,3]

  std::int64_t length() const;
  // Throws c10::Error unless coordinates are int32 [L,3] and not negative.
  void validate() const;
};

// What a tokenizer makes of one media item: tokenizer-local ids in [0, CodeSpace::size()) and their layout.
struct Codes {
  at::Tensor ids_L;  // int64
  Layout layout;
};

// The ids a tokenizer can make: one sub-range shared by all depths, or one a depth, laid end to end.
struct CodeSpace {
  std::string modality;
  std::vector<std::int64_t> sub_range_sizes;

  std::int64_t size() const;                                   // of all sub-ranges
  std::int64_t sub_range_of(std::int64_t depth) const;         // 0 when shared; c10::Error when there is none
  std::int64_t sub_range_begin(std::int64_t sub_range) const;  // first local id
};

// Layouts of the usual shapes.
Layout text_layout(std::int64_t length, const std::string& modality = "text");
Layout grid_layout(std::int64_t rows, std::int64_t columns, const std::string& modality = "image");
// Frame-major: frame 0 codebook 0, frame 0 codebook 1, frame 1 codebook 0, ...
Layout frame_layout(std::int64_t frames, std::int64_t codebooks, const std::string& modality = "audio");

}  // namespace palimpsest
