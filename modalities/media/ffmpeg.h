// FFmpeg's containers and codecs, from memory, owned. Only for the codec sources of this room.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <memory>
#include <string>
#include <string_view>

#include "modalities/media/image.h"

namespace palimpsest {

// Frees an FFmpeg object by its own function, which takes a pointer to the pointer.
template <auto free_function>
struct FfmpegFree {
  template <class T>
  void operator()(T* object) const {
    free_function(&object);
  }
};
using FramePointer = std::unique_ptr<AVFrame, FfmpegFree<av_frame_free>>;
using PacketPointer = std::unique_ptr<AVPacket, FfmpegFree<av_packet_free>>;
using CodecPointer = std::unique_ptr<AVCodecContext, FfmpegFree<avcodec_free_context>>;

// A container opened from bytes, which must outlive it. Nothing outside the bytes is ever opened: a playlist that names
// other files or addresses is refused.
class MemoryContainer {
 public:
  // InputError naming `name`: unknown format, damaged.
  MemoryContainer(std::string_view bytes, std::string_view name);
  ~MemoryContainer();
  MemoryContainer(const MemoryContainer&) = delete;
  MemoryContainer& operator=(const MemoryContainer&) = delete;

  AVFormatContext* get() const { return format_; }
  const std::string& name() const { return name_; }
  bool read(AVPacket& packet);  // false at the end; InputError when damaged

 private:
  static int read_bytes(void* self, std::uint8_t* buffer, int size);
  static std::int64_t seek_bytes(void* self, std::int64_t offset, int whence);

  std::string_view bytes_;
  std::string name_;
  std::size_t position_ = 0;
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
};

// The decoded frames of a container's best stream of one kind.
class StreamDecoder {
 public:
  // InputError: no such stream, unknown codec. Pictures of more than `max_pixels` are never given memory.
  StreamDecoder(MemoryContainer& container, AVMediaType kind, std::int64_t max_pixels = ImageLimits{}.max_pixels);

  const AVStream& stream() const { return *stream_; }
  // The next frame, owned by the decoder until the next call; nullptr at the end. InputError when the data is damaged.
  const AVFrame* next();

 private:
  bool feed();

  MemoryContainer& container_;
  AVStream* stream_ = nullptr;
  CodecPointer codec_;
  PacketPointer packet_;
  FramePointer frame_;
};

// InputError naming `name` when a picture of the stream has more pixels than that.
void check_frame_size(const AVStream& stream, std::string_view name,
                      std::int64_t max_pixels = ImageLimits{}.max_pixels);

// The frame as a picture, what is transparent on white, turned as its stream says.
Image upright_image(const AVFrame& frame, const AVStream& stream, std::string_view name);

// The first picture of a GIF or video, what is transparent on white. InputError as above.
Image decode_first_frame(std::string_view bytes, std::string_view name);

}  // namespace palimpsest
