extern "C" {
#include <libavutil/display.h>
#include <libswscale/swscale.h>
}

#include <cmath>
#include <set>

#include "base/errors.h"
#include "base/files.h"
#include "modalities/media/audio.h"
#include "modalities/media/ffmpeg.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

struct SwsFree {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};

FramePointer to_rgba(const AVFrame& frame, std::string_view name) {
  FramePointer rgba(av_frame_alloc());
  TORCH_CHECK(rgba, "to_rgba: out of memory");
  rgba->width = frame.width;
  rgba->height = frame.height;
  rgba->format = AV_PIX_FMT_RGBA;
  TORCH_CHECK(av_frame_get_buffer(rgba.get(), 0) >= 0, "to_rgba: out of memory");
  const std::unique_ptr<SwsContext, SwsFree> context(
      sws_getContext(frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), frame.width, frame.height,
                     AV_PIX_FMT_RGBA, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr, nullptr, nullptr));
  if (!context) throw InputError(name, "", "has a pixel format that cannot be converted");
  sws_scale(context.get(), frame.data, frame.linesize, 0, frame.height, rgba->data, rgba->linesize);
  return rgba;
}

// What is transparent shows white.
Image to_image(const AVFrame& frame, std::string_view name) {
  const FramePointer rgba = to_rgba(frame, name);
  at::Tensor pixels_HWC = at::empty({frame.height, frame.width, 3}, at::kByte);
  std::uint8_t* out = pixels_HWC.data_ptr<std::uint8_t>();
  for (int row = 0; row < frame.height; ++row) {
    const std::uint8_t* source = rgba->data[0] + std::ptrdiff_t{row} * rgba->linesize[0];
    for (int column = 0; column < frame.width; ++column, source += 4) {
      const int alpha = source[3];
      for (int c = 0; c < 3; ++c)
        *out++ = static_cast<std::uint8_t>((source[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return {pixels_HWC};
}

// Quarter turns anticlockwise that bring the stored pictures upright.
std::int64_t quarter_turns(const AVStream& stream) {
  const std::uint8_t* matrix = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
  if (!matrix) return 0;
  const double degrees = av_display_rotation_get(reinterpret_cast<const std::int32_t*>(matrix));
  return std::isnan(degrees) ? 0 : (std::lround(degrees / 90) % 4 + 4) % 4;
}

// Packets of the best video stream: one a frame.
std::int64_t count_frames(std::string_view bytes, std::string_view name) {
  MemoryContainer container(bytes, name);
  const StreamDecoder decoder(container, AVMEDIA_TYPE_VIDEO);
  const PacketPointer packet(av_packet_alloc());
  std::int64_t count = 0;
  while (container.read(*packet)) {
    if (packet->stream_index == decoder.stream().index) ++count;
    av_packet_unref(packet.get());
  }
  return count;
}

}  // namespace

void check_frame_size(const AVStream& stream, std::string_view name, std::int64_t max_pixels) {
  const std::int64_t pixels = std::int64_t{stream.codecpar->width} * stream.codecpar->height;
  if (pixels > max_pixels) {
    throw InputError(name, "",
                     "has " + std::to_string(pixels) + " pixels a frame; at most " + std::to_string(max_pixels));
  }
}

Image upright_image(const AVFrame& frame, const AVStream& stream, std::string_view name) {
  return {at::rot90(to_image(frame, name).pixels_HWC, quarter_turns(stream), {0, 1}).contiguous()};
}

Image decode_first_frame(std::string_view bytes, std::string_view name) {
  MemoryContainer container(bytes, name);
  StreamDecoder decoder(container, AVMEDIA_TYPE_VIDEO);
  const AVFrame* frame = decoder.next();
  if (!frame) throw InputError(name, "", "holds no picture");
  return to_image(*frame, name);
}

std::vector<Image> load_video_frames(const std::filesystem::path& path, std::int64_t max_frames) {
  TORCH_CHECK(max_frames > 0, "load_video_frames: at least one frame, got ", max_frames);
  const std::string bytes = read_file(path), name = path.string();
  const std::int64_t total = count_frames(bytes, name), kept = std::min(max_frames, total);
  std::set<std::int64_t> wanted;  // the middles of `kept` equal parts
  for (std::int64_t i = 0; i < kept; ++i) wanted.insert((2 * i + 1) * total / (2 * kept));
  MemoryContainer container(bytes, name);
  StreamDecoder decoder(container, AVMEDIA_TYPE_VIDEO);
  check_frame_size(decoder.stream(), name);
  std::vector<Image> frames;
  std::int64_t index = 0;
  for (const AVFrame* frame = decoder.next(); frame; frame = decoder.next(), ++index) {
    if (wanted.count(index) > 0) frames.push_back(upright_image(*frame, decoder.stream(), name));
  }
  if (frames.empty()) throw InputError(name, "", "holds no picture");
  return frames;
}

}  // namespace palimpsest
