#include "modalities/media/webp_container.h"

#include "modalities/media/byte_reader.h"
#include "modalities/media/image_header.h"

namespace palimpsest {

namespace {

constexpr unsigned kAnimationFlag = 0x02, kAlphaFlag = 0x10;

struct Chunk {
  std::string_view kind, data;
};

// RIFF chunks are padded to even sizes.
Chunk next_chunk(ByteReader& reader) {
  Chunk chunk;
  chunk.kind = reader.take(4);
  const std::uint32_t size = reader.little(4);
  chunk.data = reader.take(size);
  if (size % 2 == 1 && !reader.at_end()) reader.skip(1);
  return chunk;
}

std::string little_endian(std::uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return bytes;
}

std::string format_chunk(std::string_view kind, std::string_view data) {
  std::string bytes = std::string(kind) + little_endian(data.size(), 4) + std::string(data);
  if (data.size() % 2 == 1) bytes.push_back('\0');
  return bytes;
}

// The body of the file after "WEBP"; InputError when the file is shorter than it says.
std::string_view riff_body(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  reader.skip(4);
  const std::uint32_t size = reader.little(4);
  std::string_view body = reader.take(size);
  body.remove_prefix(std::min<std::size_t>(4, body.size()));
  return body;
}

// Size in the bitstream itself: RFC 6386 section 9.1 (lossy), RFC 9649 section 3.4 (lossless).
void read_bitstream_size(const Chunk& chunk, std::string_view name, ImageHeader& header) {
  ByteReader reader(chunk.data, name);
  if (chunk.kind == "VP8 ") {
    reader.skip(6);
    const std::int64_t columns = reader.little(2) & 0x3FFF;
    set_size(header, reader.little(2) & 0x3FFF, columns, name);
  } else {
    reader.skip(1);
    const std::uint32_t packed = reader.little(4);
    set_size(header, (packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1, name);
  }
}

}  // namespace

ImageHeader read_webp_header(std::string_view bytes, std::string_view name) {
  const std::string_view body = riff_body(bytes, name);
  ByteReader reader(body, name);
  ImageHeader header;
  bool extended = false;
  while (!reader.at_end()) {
    const Chunk chunk = next_chunk(reader);
    ByteReader content(chunk.data, name);
    if (chunk.kind == "VP8X") {
      extended = true;
      header.animated = (content.little(4) & kAnimationFlag) != 0;
      const std::int64_t columns = content.little(3) + 1;
      set_size(header, content.little(3) + 1, columns, name);
    } else if ((chunk.kind == "VP8 " || chunk.kind == "VP8L") && !extended) {
      read_bitstream_size(chunk, name, header);
    } else if (chunk.kind == "EXIF") {
      header.orientation = exif_orientation(chunk.data.starts_with("Exif") ? chunk.data.substr(6) : chunk.data);
    }
  }
  return header;
}

WebpFrame first_webp_frame(std::string_view bytes, std::string_view name) {
  const std::string_view body = riff_body(bytes, name);
  ByteReader reader(body, name);
  Chunk chunk;
  while (chunk.kind != "ANMF") {
    if (reader.at_end()) throw InputError(name, "", "is an animation without a frame");
    chunk = next_chunk(reader);
  }
  ByteReader frame(chunk.data, name);
  WebpFrame first;
  first.left = 2 * std::int64_t{frame.little(3)};
  first.top = 2 * std::int64_t{frame.little(3)};
  const std::string_view size = frame.take(6);
  frame.skip(4);
  std::string still = "WEBP", bitstream;
  while (!frame.at_end()) {
    const Chunk part = next_chunk(frame);
    if (part.kind == "ALPH") still += format_chunk("VP8X", little_endian(kAlphaFlag, 4) + std::string(size));
    if (part.kind == "ALPH" || part.kind == "VP8 " || part.kind == "VP8L")
      bitstream += format_chunk(part.kind, part.data);
  }
  first.still = format_chunk("RIFF", still + bitstream);
  return first;
}

}  // namespace palimpsest
