// Builds without codec libraries: pictures can be neither read nor written.
#include "base/errors.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

constexpr std::string_view kNeedsOpencv = "pictures need a build with codec libraries (PALIMPSEST_MEDIA=ON)";

}  // namespace

Image decode_image(std::string_view, std::string_view name, const ImageLimits&) {
  throw InputError(name, "", kNeedsOpencv);
}

std::string encode_png(const Image&) { throw InputError("", "PNG", kNeedsOpencv); }

std::string encode_webp_lossless(const Image&) { throw InputError("", "WebP", kNeedsOpencv); }

}  // namespace palimpsest
