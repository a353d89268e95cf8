// JPEG, TIFF and the EXIF block that both share.
#include "modalities/media/byte_reader.h"
#include "modalities/media/image_header.h"

namespace palimpsest {

namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kWidthTag = 0x100, kHeightTag = 0x101, kOrientationTag = 0x112, kShortType = 3;

// A frame header (SOF0..SOF15 without the three other uses of the range). ITU T.81, table B.1.
bool is_frame_header(std::uint32_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Skips entropy-coded data up to the next marker that is neither a stuffed zero nor a restart; returns that marker.
std::uint32_t next_marker(ByteReader& reader) {
  for (;;) {
    const std::size_t mark = reader.rest().find('\xff');
    reader.skip(mark == std::string_view::npos ? reader.rest().size() + 1 : mark + 1);  // no mark left: truncated
    std::uint32_t marker = reader.big(1);
    while (marker == 0xFF) marker = reader.big(1);
    if (marker != 0 && (marker < 0xD0 || marker > 0xD7)) return marker;
  }
}

std::uint32_t read_number(ByteReader& reader, std::size_t count, bool little) {
  return little ? reader.little(count) : reader.big(count);
}

}  // namespace

std::optional<std::uint32_t> tiff_tag(std::string_view tiff, std::uint32_t tag) {
  const bool little = tiff.starts_with("II");
  try {
    ByteReader reader(tiff, "");
    reader.skip(4);
    const std::uint32_t directory = read_number(reader, 4, little);
    reader = ByteReader(tiff, "");
    reader.skip(directory);
    for (std::uint32_t entries = read_number(reader, 2, little); entries > 0; --entries) {
      const std::uint32_t found = read_number(reader, 2, little), type = read_number(reader, 2, little);
      reader.skip(4);
      ByteReader value(reader.take(4), "");
      if (found == tag) return read_number(value, type == kShortType ? 2 : 4, little);
    }
  } catch (const InputError&) {  // damaged: as if it said nothing
  }
  return std::nullopt;
}

int exif_orientation(std::string_view tiff) {
  const std::uint32_t value = tiff_tag(tiff, kOrientationTag).value_or(1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

ImageHeader read_tiff_header(std::string_view bytes, std::string_view name) {
  const auto columns = tiff_tag(bytes, kWidthTag), rows = tiff_tag(bytes, kHeightTag);
  if (!columns || !rows) throw InputError(name, "", "is truncated or damaged (TIFF without a size)");
  ImageHeader header;
  header.columns = *columns;
  header.rows = *rows;
  return header;
}

// Segments and scans up to the end marker. ITU T.81, annex B.
ImageHeader read_jpeg_header(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  reader.skip(2);
  ImageHeader header;
  constexpr std::uint32_t kEnd = 0xD9, kApplication1 = 0xE1;
  for (std::uint32_t marker = next_marker(reader); marker != kEnd; marker = next_marker(reader)) {
    const std::uint32_t size = reader.big(2);
    if (size < 2) throw InputError(name, "", "is damaged (a JPEG segment of no size)");
    const std::string_view data = reader.take(size - 2);
    if (is_frame_header(marker)) {
      ByteReader frame(data, name);
      frame.skip(1);
      const std::int64_t rows = frame.big(2);
      set_size(header, rows, frame.big(2), name);
    } else if (marker == kApplication1 && data.starts_with("Exif\0\0"sv)) {
      header.orientation = exif_orientation(data.substr(6));
    }
  }
  return header;
}

}  // namespace palimpsest
