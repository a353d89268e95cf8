// What the first bytes of a picture file say, read without decoding it; and whether the file is whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace palimpsest {

enum class ImageFormat { kPng, kJpeg, kWebp, kGif, kBmp, kTiff, kPnm };

struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  std::int64_t rows = 0, columns = 0;  // as stored, before orientation
  int orientation = 1;                 // EXIF 1..8
  bool animated = false;               // a WebP of several frames
  std::int64_t pixels_end = 0;         // bytes a file of plain rows must have; 0 where only decoding can tell
};

// The format that the leading bytes claim.
std::optional<ImageFormat> image_format(std::string_view bytes);

// Walks the container to its end (of a GIF: to the end of its first frame), so that a cut file is found here and not by
// a decoder that fills what is missing with grey. InputError naming `name`: unknown format, truncated, damaged.
ImageHeader read_image_header(std::string_view bytes, std::string_view name);

// Sets the size, of which a file has one: decoders believe the first. InputError naming `name` at a second.
void set_size(ImageHeader& header, std::int64_t rows, std::int64_t columns, std::string_view name);

// Of one format each; `bytes` start with the format's mark.
ImageHeader read_png_header(std::string_view bytes, std::string_view name);
ImageHeader read_gif_header(std::string_view bytes, std::string_view name);
ImageHeader read_bmp_header(std::string_view bytes, std::string_view name);
ImageHeader read_pnm_header(std::string_view bytes, std::string_view name);
ImageHeader read_jpeg_header(std::string_view bytes, std::string_view name);
ImageHeader read_tiff_header(std::string_view bytes, std::string_view name);
ImageHeader read_webp_header(std::string_view bytes, std::string_view name);

// Value of a tag in the first directory of a TIFF structure (EXIF 2.32, section 4.6); nullopt when absent or damaged.
std::optional<std::uint32_t> tiff_tag(std::string_view tiff, std::uint32_t tag);

// EXIF orientation of a TIFF structure, 1 when it says none.
int exif_orientation(std::string_view tiff);

}  // namespace palimpsest
