// The WebP container: size, orientation, and the first frame of an animation as a picture of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace palimpsest {

// The first frame of an animated WebP: a still WebP file and where it lies on the animation's canvas.
struct WebpFrame {
  std::string still;
  std::int64_t top = 0, left = 0;
};

// InputError: no frame, truncated.
WebpFrame first_webp_frame(std::string_view bytes, std::string_view name);

}  // namespace palimpsest
