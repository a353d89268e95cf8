#include "modalities/media/image_header.h"

#include <array>
#include <limits>

#include "modalities/media/byte_reader.h"

namespace palimpsest {

namespace {

using namespace std::string_view_literals;

struct FormatMark {
  std::string_view mark;
  ImageFormat format;
  ImageHeader (*read)(std::string_view, std::string_view);
};

constexpr std::string_view kPngMark = "\x89PNG\r\n\x1a\n"sv;

constexpr std::array kMarks{
    FormatMark{kPngMark, ImageFormat::kPng, read_png_header},
    FormatMark{"\xff\xd8\xff"sv, ImageFormat::kJpeg, read_jpeg_header},
    FormatMark{"GIF87a"sv, ImageFormat::kGif, read_gif_header},
    FormatMark{"GIF89a"sv, ImageFormat::kGif, read_gif_header},
    FormatMark{"RIFF"sv, ImageFormat::kWebp, read_webp_header},
    FormatMark{"BM"sv, ImageFormat::kBmp, read_bmp_header},
    FormatMark{"II*\0"sv, ImageFormat::kTiff, read_tiff_header},
    FormatMark{"MM\0*"sv, ImageFormat::kTiff, read_tiff_header},
    FormatMark{"P1"sv, ImageFormat::kPnm, read_pnm_header},
    FormatMark{"P2"sv, ImageFormat::kPnm, read_pnm_header},
    FormatMark{"P3"sv, ImageFormat::kPnm, read_pnm_header},
    FormatMark{"P4"sv, ImageFormat::kPnm, read_pnm_header},
    FormatMark{"P5"sv, ImageFormat::kPnm, read_pnm_header},
    FormatMark{"P6"sv, ImageFormat::kPnm, read_pnm_header},
};

const FormatMark* find_mark(std::string_view bytes) {
  for (const FormatMark& mark : kMarks) {
    if (!bytes.starts_with(mark.mark)) continue;
    if (mark.format == ImageFormat::kWebp && (bytes.size() < 12 || bytes.substr(8, 4) != "WEBP")) continue;
    if (mark.format == ImageFormat::kPnm &&
        (bytes.size() < 3 || std::string_view(" \t\r\n#").find(bytes[2]) == std::string_view::npos))
      continue;
    if (mark.format == ImageFormat::kBmp && (bytes.size() < 10 || bytes.substr(6, 4) != "\0\0\0\0"sv)) continue;
    return &mark;
  }
  return nullptr;
}

// CRC-32 of ISO 3309, as PNG uses it.
std::uint32_t crc32(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t value = n;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xEDB88320u ^ value >> 1 : value >> 1;
      entries[n] = value;
    }
    return entries;
  }();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF] ^ crc >> 8;
  return crc ^ 0xFFFFFFFFu;
}

void skip_sub_blocks(ByteReader& reader) {
  while (const std::uint32_t size = reader.little(1)) reader.skip(size);
}

// Where rows that begin there end, or the largest number where none could say it.
std::int64_t end_of_rows(std::int64_t begin, std::int64_t rows, std::int64_t row_bytes) {
  std::int64_t end = 0;
  const bool beyond = __builtin_mul_overflow(rows, row_bytes, &end) || __builtin_add_overflow(end, begin, &end);
  return beyond ? std::numeric_limits<std::int64_t>::max() : end;
}

// A number in a PNM header, after white space and comments.
std::int64_t pnm_number(ByteReader& reader, std::string_view name) {
  char byte = reader.take(1)[0];
  while (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == '#') {
    if (byte == '#') {
      while (byte != '\n') byte = reader.take(1)[0];
    }
    byte = reader.take(1)[0];
  }
  std::int64_t value = 0;
  int digits = 0;
  for (; byte >= '0' && byte <= '9'; byte = reader.take(1)[0], ++digits) {
    if (digits == 9) break;
    value = value * 10 + (byte - '0');
  }
  if (digits == 0 || digits == 9) throw InputError(name, "", "has a damaged PNM header");
  return value;
}

}  // namespace

std::optional<ImageFormat> image_format(std::string_view bytes) {
  const FormatMark* mark = find_mark(bytes);
  return mark ? std::optional(mark->format) : std::nullopt;
}

void set_size(ImageHeader& header, std::int64_t rows, std::int64_t columns, std::string_view name) {
  if (header.rows != 0 || header.columns != 0) throw InputError(name, "", "is damaged (it says its size twice)");
  header.rows = rows;
  header.columns = columns;
}

ImageHeader read_image_header(std::string_view bytes, std::string_view name) {
  if (bytes.empty()) throw InputError(name, "", "is empty");
  const FormatMark* mark = find_mark(bytes);
  if (!mark) throw InputError(name, "", "is not a picture (known: PNG, JPEG, WebP, GIF, BMP, TIFF, PNM)");
  ImageHeader header = mark->read(bytes, name);
  header.format = mark->format;
  if (header.rows <= 0 || header.columns <= 0) throw InputError(name, "", "is a picture without pixels");
  return header;
}

// PNG (ISO 15948): chunks up to IEND, each with its checksum.
ImageHeader read_png_header(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  reader.skip(kPngMark.size());
  ImageHeader header;
  for (std::string_view kind; kind != "IEND";) {
    const std::uint32_t size = reader.big(4);
    const std::size_t begin = reader.position();
    kind = reader.take(4);
    const std::string_view data = reader.take(size);
    if (reader.big(4) != crc32(bytes.substr(begin, 4 + std::size_t{size}))) {
      throw InputError(name, "", "is damaged (wrong checksum in its " + std::string(kind) + " chunk)");
    }
    ByteReader content(data, name);
    if (kind == "IHDR") {
      const std::int64_t columns = content.big(4);
      set_size(header, content.big(4), columns, name);
    } else if (kind == "eXIf") {
      header.orientation = exif_orientation(data);
    }
  }
  return header;
}

// GIF89a specification: screen, colour table, blocks until the first image has ended.
ImageHeader read_gif_header(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  reader.skip(6);
  ImageHeader header;
  header.columns = reader.little(2);
  header.rows = reader.little(2);
  const auto skip_colours = [&reader](std::uint32_t flags) {
    if (flags & 0x80) reader.skip(std::size_t{3} << ((flags & 7) + 1));
  };
  const std::uint32_t flags = reader.little(1);
  reader.skip(2);
  skip_colours(flags);
  for (std::uint32_t kind = reader.little(1); kind != 0x2C; kind = reader.little(1)) {
    if (kind != 0x21) throw InputError(name, "", "is a GIF without a picture");
    reader.skip(1);
    skip_sub_blocks(reader);
  }
  reader.skip(8);
  skip_colours(reader.little(1));
  reader.skip(1);
  skip_sub_blocks(reader);
  return header;
}

ImageHeader read_bmp_header(std::string_view bytes, std::string_view name) {
  constexpr std::uint32_t kCoreHeader = 12, kUncompressed = 0, kBitFields = 3;
  ByteReader reader(bytes, name);
  reader.skip(10);
  const std::uint32_t pixels_begin = reader.little(4), header_size = reader.little(4);
  const std::size_t number_size = header_size == kCoreHeader ? 2 : 4;
  ImageHeader header;
  header.columns = static_cast<std::int32_t>(reader.little(number_size));
  header.rows =
      std::abs(std::int64_t{static_cast<std::int32_t>(reader.little(number_size))});  // negative: top row first
  reader.skip(2);
  const std::int64_t bits = reader.little(2);
  const std::uint32_t compression = header_size == kCoreHeader ? kUncompressed : reader.little(4);
  if (compression == kUncompressed || compression == kBitFields) {
    const std::int64_t row_bytes = (header.columns * bits + 31) / 32 * 4;
    header.pixels_end = end_of_rows(pixels_begin, header.rows, row_bytes);
  }
  return header;
}

// Netpbm's P1..P6: P4 packs bits, P5 and P6 hold one or two bytes a value, the others are text.
ImageHeader read_pnm_header(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  const char kind = reader.take(2)[1];
  ImageHeader header;
  header.columns = pnm_number(reader, name);
  header.rows = pnm_number(reader, name);
  std::int64_t row_bytes = kind == '4' ? (header.columns + 7) / 8 : 0;
  if (kind == '5' || kind == '6')
    row_bytes = header.columns * (kind == '6' ? 3 : 1) * (pnm_number(reader, name) > 255 ? 2 : 1);
  header.pixels_end = end_of_rows(static_cast<std::int64_t>(reader.position()), header.rows, row_bytes);
  return header;
}

}  // namespace palimpsest
