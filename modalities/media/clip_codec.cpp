#include <cmath>

#include "base/errors.h"
#include "modalities/media/clips.h"
#include "modalities/media/ffmpeg.h"

namespace palimpsest {

namespace {

constexpr double kRounding = 1e-6;  // of a clip; a film of three clips by its clock is one of three

double seconds_of(std::int64_t time, const AVStream& stream) {
  return static_cast<double>(time) * av_q2d(stream.time_base);
}

std::int64_t time_of(const AVPacket& packet) { return packet.pts == AV_NOPTS_VALUE ? packet.dts : packet.pts; }

// From the first picture's time to the end of the last one's.
double length_of(std::string_view bytes, std::string_view name) {
  MemoryContainer container(bytes, name);
  const StreamDecoder decoder(container, AVMEDIA_TYPE_VIDEO);
  const AVStream& stream = decoder.stream();
  const PacketPointer packet(av_packet_alloc());
  double first = HUGE_VAL, last = -HUGE_VAL;
  for (std::int64_t count = 0; container.read(*packet); av_packet_unref(packet.get())) {
    if (packet->stream_index != stream.index || time_of(*packet) == AV_NOPTS_VALUE) continue;
    const double rate = stream.avg_frame_rate.den > 0 ? av_q2d(stream.avg_frame_rate) : 0.0;
    const double shown = packet->duration > 0 ? seconds_of(packet->duration, stream) : rate > 0.0 ? 1.0 / rate : 0.0;
    const double time = seconds_of(time_of(*packet), stream);
    first = std::min(first, time);
    last = std::max(last, time + shown);
    ++count;
  }
  return last > first ? last - first : 0.0;
}

}  // namespace

struct ClipReader::Film {
  Film(std::string_view bytes, std::string_view film_name, const ClipForm& clips)
      : name(film_name),
        form(clips),
        count(count_clips(length_of(bytes, name))),
        container(bytes, name),
        decoder(container, AVMEDIA_TYPE_VIDEO, form.limits.max_pixels) {
    check_frame_size(decoder.stream(), name, form.limits.max_pixels);
    decode_one();
    if (!coming) throw InputError(name, "", "holds no picture");
    start = coming_time;
    shown.reset(av_frame_clone(coming.get()));
  }

  std::int64_t count_clips(double length) const {
    if (length > form.limits.max_seconds) {
      throw InputError(
          name, "",
          "is longer than " + std::to_string(static_cast<std::int64_t>(form.limits.max_seconds)) + " seconds");
    }
    return static_cast<std::int64_t>(std::floor(length / form.seconds + kRounding));
  }

  void decode_one() {
    const AVFrame* frame = decoder.next();
    coming.reset(frame ? av_frame_clone(frame) : nullptr);
    if (!frame) return;
    TORCH_CHECK(coming, "ClipReader: out of memory");
    if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
      coming_time = seconds_of(frame->best_effort_timestamp, decoder.stream());
  }

  // What is shown at a time after the first picture's; times never go back.
  Image picture_at(double time) {
    while (coming && coming_time - start <= time) {
      shown = std::move(coming);
      decode_one();
    }
    return upright_image(*shown, decoder.stream(), name);
  }

  std::string name;
  ClipForm form;
  std::int64_t count, clip = 0;
  MemoryContainer container;
  StreamDecoder decoder;
  FramePointer shown, coming;
  double start = 0.0, coming_time = 0.0;
};

ClipReader::ClipReader(std::string_view bytes, std::string_view name, const ClipForm& form)
    : film_(std::make_unique<Film>(bytes, name, form)) {}

ClipReader::~ClipReader() = default;

std::int64_t ClipReader::count() const { return film_->count; }

std::vector<Image> ClipReader::next() {
  std::vector<Image> pictures;
  const ClipForm& form = film_->form;
  const double begin = static_cast<double>(film_->clip++) * form.seconds;
  for (std::int64_t frame = 0; frame < form.frames; ++frame) {
    const double part = (static_cast<double>(frame) + 0.5) / static_cast<double>(form.frames);
    pictures.push_back(film_->picture_at(begin + part * form.seconds));
  }
  return pictures;
}

}  // namespace palimpsest
