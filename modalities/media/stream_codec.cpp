#include "base/errors.h"
#include "modalities/media/ffmpeg.h"
#include "modalities/media/streams.h"

namespace palimpsest {

namespace {

// A stream's own length, or the container's where the stream has none (Matroska).
double seconds_of(const AVStream& stream, const AVFormatContext& container) {
  if (stream.duration > 0) return static_cast<double>(stream.duration) * av_q2d(stream.time_base);
  return container.duration > 0 ? static_cast<double>(container.duration) / AV_TIME_BASE : 0.0;
}

StreamForm form_of(const AVStream& stream, const AVFormatContext& container) {
  const AVCodecParameters& codec = *stream.codecpar;
  StreamForm form{av_get_media_type_string(codec.codec_type), avcodec_get_name(codec.codec_id)};
  form.seconds = seconds_of(stream, container);
  form.sample_rate = codec.sample_rate;
  form.channels = codec.ch_layout.nb_channels;
  form.rows = codec.height;
  form.columns = codec.width;
  if (codec.codec_type == AVMEDIA_TYPE_VIDEO && stream.avg_frame_rate.den > 0) {
    form.frames_a_second = av_q2d(stream.avg_frame_rate);
  }
  return form;
}

}  // namespace

std::vector<StreamForm> read_streams(std::string_view bytes, std::string_view name) {
  const MemoryContainer container(bytes, name);
  const AVFormatContext& context = *container.get();
  std::vector<StreamForm> forms;
  for (unsigned index = 0; index < context.nb_streams; ++index) {
    const AVStream& stream = *context.streams[index];
    const AVMediaType kind = stream.codecpar->codec_type;
    if (kind == AVMEDIA_TYPE_AUDIO || kind == AVMEDIA_TYPE_VIDEO) forms.push_back(form_of(stream, context));
  }
  if (forms.empty()) throw InputError(name, "", "holds neither sound nor film");
  return forms;
}

}  // namespace palimpsest
