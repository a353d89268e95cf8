// Images: any format OpenCV reads, as 8-bit RGB on a stated ground.
//
// Shapes: H rows, W columns, C channels (3, RGB).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/options.h"
#include "modalities/media/media.h"

namespace palimpsest {

// Checked from the header, before memory is asked for.
struct ImageLimits {
  std::int64_t max_pixels = 64'000'000;          // width times height
  std::int64_t max_side = 100'000;               // pixels, either way
  std::int64_t large_pixels = 8'000'000;         // beyond them a picture is large
  std::function<void()> before_large = nullptr;  // called before a large one is decoded, who may wait for another's end
};

// Alpha is composited on white, EXIF orientation applied, 16-bit scaled to 8, grey and CMYK made RGB, of an animation
// the first frame is taken. `name` is what errors call the bytes. InputError: unknown format, truncated data, too many
// pixels.
Image decode_image(std::string_view bytes, std::string_view name, const ImageLimits& limits = {});
Image load_image(const std::filesystem::path& path, const ImageLimits& limits = {});

// PNG bytes; lossless WebP bytes.
std::string encode_png(const Image& image);
std::string encode_webp_lossless(const Image& image);
void save_png(const Image& image, const std::filesystem::path& path);

// How a picture of another size or shape is fitted into the recipe's square: crop (cover, centre), pad (contain, on
// white), stretch, or refuse (InputError when it differs).
enum class FitPolicy { kCrop, kPad, kStretch, kRefuse };
constexpr auto enum_names(FitPolicy) {
  return std::array{std::pair{FitPolicy::kCrop, "crop"}, std::pair{FitPolicy::kPad, "pad"},
                    std::pair{FitPolicy::kStretch, "stretch"}, std::pair{FitPolicy::kRefuse, "refuse"}};
}

// Area averaging when shrinking, cubic when growing. `name` is for errors.
Image fit_image(const Image& image, std::int64_t rows, std::int64_t columns, FitPolicy policy,
                std::string_view name = "");

}  // namespace palimpsest
