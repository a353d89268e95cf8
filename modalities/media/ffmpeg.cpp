#include "modalities/media/ffmpeg.h"

#include <cstring>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr int kBufferSize = 1 << 15;
constexpr std::size_t kLargestAllocation = 512 << 20;  // bytes; 64 million pixels in RGBA are half of it

std::string reason(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

// FFmpeg neither talks on the terminal nor takes a large piece of memory at a file's word.
void settle_ffmpeg() {
  static const bool settled = [] {
    av_log_set_level(AV_LOG_QUIET);
    av_max_alloc(kLargestAllocation);
    return true;
  }();
  (void)settled;
}

int refuse_to_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EACCES); }

}  // namespace

MemoryContainer::MemoryContainer(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {
  settle_ffmpeg();
  if (bytes.empty()) throw InputError(name_, "", "is empty");
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferSize));
  io_ = avio_alloc_context(buffer, kBufferSize, 0, this, read_bytes, nullptr, seek_bytes);
  format_ = avformat_alloc_context();
  TORCH_CHECK(buffer && io_ && format_, "MemoryContainer: out of memory");
  format_->pb = io_;
  format_->io_open = refuse_to_open;
  format_->error_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
  int code = avformat_open_input(&format_, nullptr, nullptr, nullptr);  // frees format_ on failure
  if (code >= 0) code = avformat_find_stream_info(format_, nullptr);
  if (code >= 0) return;
  avformat_close_input(&format_);
  av_freep(&io_->buffer);
  avio_context_free(&io_);
  throw InputError(name_, "", "is no sound or video that can be read (" + reason(code) + ")");
}

MemoryContainer::~MemoryContainer() {
  avformat_close_input(&format_);
  av_freep(&io_->buffer);
  avio_context_free(&io_);
}

int MemoryContainer::read_bytes(void* self, std::uint8_t* buffer, int size) {
  auto& container = *static_cast<MemoryContainer*>(self);
  const std::size_t count = std::min(static_cast<std::size_t>(size), container.bytes_.size() - container.position_);
  if (count == 0) return AVERROR_EOF;
  std::memcpy(buffer, container.bytes_.data() + container.position_, count);
  container.position_ += count;
  return static_cast<int>(count);
}

std::int64_t MemoryContainer::seek_bytes(void* self, std::int64_t offset, int whence) {
  auto& container = *static_cast<MemoryContainer*>(self);
  const auto size = static_cast<std::int64_t>(container.bytes_.size());
  if (whence & AVSEEK_SIZE) return size;
  const std::int64_t base = (whence & 3) == SEEK_CUR   ? static_cast<std::int64_t>(container.position_)
                            : (whence & 3) == SEEK_END ? size
                                                       : 0;
  if (base + offset < 0 || base + offset > size) return AVERROR(EINVAL);
  container.position_ = static_cast<std::size_t>(base + offset);
  return base + offset;
}

bool MemoryContainer::read(AVPacket& packet) {
  const int code = av_read_frame(format_, &packet);
  if (code >= 0) return true;
  if (code != AVERROR_EOF) throw InputError(name_, "", "is damaged (" + reason(code) + ")");
  return false;
}

StreamDecoder::StreamDecoder(MemoryContainer& container, AVMediaType kind, std::int64_t max_pixels)
    : container_(container), packet_(av_packet_alloc()), frame_(av_frame_alloc()) {
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(container.get(), kind, -1, -1, &codec, 0);
  if (index < 0) {
    throw InputError(container.name(), "",
                     std::string("holds no ") + av_get_media_type_string(kind) + " that can be read");
  }
  stream_ = container.get()->streams[index];
  codec_.reset(avcodec_alloc_context3(codec));
  TORCH_CHECK(codec_ && packet_ && frame_, "StreamDecoder: out of memory");
  codec_->thread_count = 1;
  codec_->max_pixels = max_pixels;
  codec_->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
  codec_->pkt_timebase = stream_->time_base;
  int code = avcodec_parameters_to_context(codec_.get(), stream_->codecpar);
  if (code >= 0) code = avcodec_open2(codec_.get(), codec, nullptr);
  if (code < 0) throw InputError(container.name(), "", "cannot be decoded (" + reason(code) + ")");
}

// Hands the codec one packet of the stream, or the word that there are no more.
bool StreamDecoder::feed() {
  bool more = container_.read(*packet_);
  while (more && packet_->stream_index != stream_->index) {
    av_packet_unref(packet_.get());
    more = container_.read(*packet_);
  }
  const int code = avcodec_send_packet(codec_.get(), more ? packet_.get() : nullptr);
  av_packet_unref(packet_.get());
  if (code < 0 && code != AVERROR_EOF) throw InputError(container_.name(), "", "is damaged (" + reason(code) + ")");
  return code != AVERROR_EOF;
}

const AVFrame* StreamDecoder::next() {
  for (;;) {
    const int code = avcodec_receive_frame(codec_.get(), frame_.get());
    if (code >= 0) return frame_.get();
    if (code == AVERROR_EOF) return nullptr;
    if (code != AVERROR(EAGAIN)) throw InputError(container_.name(), "", "is damaged (" + reason(code) + ")");
    if (!feed()) return nullptr;
  }
}

}  // namespace palimpsest
