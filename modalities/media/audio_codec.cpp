extern "C" {
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <cmath>
#include <limits>

#include "base/errors.h"
#include "modalities/media/audio.h"
#include "modalities/media/audio_header.h"
#include "modalities/media/ffmpeg.h"
#include "modalities/media/image_header.h"

namespace palimpsest {

// Frames of one format in, mono float samples at the wished rate out.
class Resampler {
 public:
  // InputError naming `name`: a form that cannot be mixed.
  Resampler(const AVFrame& like, std::int64_t sample_rate, std::string_view name)
      : name_(name), rate_(like.sample_rate), channels_(like.ch_layout.nb_channels) {
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO, layout = {};
    if (like.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&layout, channels_);
    } else {
      av_channel_layout_copy(&layout, &like.ch_layout);
    }
    SwrContext* context = nullptr;
    int code = swr_alloc_set_opts2(&context, &mono, AV_SAMPLE_FMT_FLT, static_cast<int>(sample_rate), &layout,
                                   static_cast<AVSampleFormat>(like.format), like.sample_rate, 0, nullptr);
    context_.reset(context);
    av_channel_layout_uninit(&layout);
    // Mixing weights that sum to one: two equal channels are as loud as each.
    if (code >= 0) code = av_opt_set_double(context, "rematrix_maxval", 1.0, 0);
    if (code >= 0) code = swr_init(context);
    if (code >= 0) return;
    throw InputError(name_, "",
                     "cannot be brought from " + std::to_string(channels_) + " channels of " + std::to_string(rate_) +
                         " Hz to one of " + std::to_string(sample_rate));
  }

  bool fits(const AVFrame& frame) const {
    return frame.sample_rate == rate_ && frame.ch_layout.nb_channels == channels_;
  }

  // nullptr: what is left inside.
  void push(const AVFrame* frame, std::vector<float>& samples) {
    const int count = frame ? frame->nb_samples : 0;
    const int room = swr_get_out_samples(context_.get(), count);
    TORCH_CHECK(room >= 0, "Resampler: no output size");
    const std::size_t before = samples.size();
    samples.resize(before + static_cast<std::size_t>(room));
    auto* out = reinterpret_cast<std::uint8_t*>(samples.data() + before);
    auto** in = frame ? const_cast<const std::uint8_t**>(frame->extended_data) : nullptr;
    const int made = swr_convert(context_.get(), &out, room, in, count);
    if (made < 0) throw InputError(name_, "", "is damaged (its sound cannot be resampled)");
    samples.resize(before + static_cast<std::size_t>(made));
  }

 private:
  std::string name_;
  int rate_, channels_;
  std::unique_ptr<SwrContext, FfmpegFree<swr_free>> context_;
};

namespace {

std::string_view checked_sound(std::string_view bytes, std::string_view name) {
  if (image_format(bytes)) throw InputError(name, "", "is a picture, not sound");
  if (is_wav(bytes)) check_wav_is_whole(bytes, name);
  return bytes;
}

}  // namespace

struct SoundReader::Sound {
  Sound(std::string_view bytes, std::string_view sound_name, std::int64_t rate, const AudioLimits& sound_limits)
      : name(sound_name),
        sample_rate(rate),
        limits(sound_limits),
        container(checked_sound(bytes, name), name),
        decoder(container, AVMEDIA_TYPE_AUDIO) {}

  // One more frame, resampled; at the end what is left inside the resampler.
  void fill() {
    const std::size_t before = samples.size();
    if (const AVFrame* frame = decoder.next()) {
      if (!resampler) begin(*frame);
      if (!resampler->fits(*frame)) throw InputError(name, "", "changes its sample rate or channels midway");
      decoded += frame->nb_samples;
      check_length(*frame);
      resampler->push(frame, samples);
    } else {
      ended = true;
      if (resampler) resampler->push(nullptr, samples);
      check_promise();
    }
    for (std::size_t at = before; at < samples.size(); ++at) {
      if (!std::isfinite(samples[at])) throw InputError(name, "", "holds samples that are not numbers");
    }
  }

  void begin(const AVFrame& frame) {
    if (frame.sample_rate < limits.min_rate || frame.sample_rate > limits.max_rate) {
      throw InputError(name, "",
                       "has " + std::to_string(frame.sample_rate) + " Hz; " + std::to_string(limits.min_rate) + " to " +
                           std::to_string(limits.max_rate) + " are read");
    }
    resampler = std::make_unique<Resampler>(frame, sample_rate, name);
  }

  // Before the frame is resampled: what is too long is never in memory.
  void check_length(const AVFrame& frame) const {
    if (static_cast<double>(decoded) <= limits.max_seconds * frame.sample_rate) return;
    throw InputError(name, "",
                     "is longer than " + std::to_string(static_cast<std::int64_t>(limits.max_seconds)) + " seconds");
  }

  // A FLAC says how many samples it holds (RFC 9639, section 8.2): fewer than that is a cut file.
  void check_promise() const {
    const AVStream& stream = decoder.stream();
    if (stream.codecpar->codec_id != AV_CODEC_ID_FLAC || stream.duration <= 0) return;
    const std::int64_t promised = av_rescale_q(stream.duration, stream.time_base, {1, stream.codecpar->sample_rate});
    if (decoded < promised) throw InputError(name, "", "is truncated");
  }

  std::string name;
  std::int64_t sample_rate;
  AudioLimits limits;
  MemoryContainer container;
  StreamDecoder decoder;
  std::unique_ptr<Resampler> resampler;
  std::vector<float> samples;  // decoded and not yet read
  std::int64_t decoded = 0;    // as the file has them
  bool ended = false;
};

SoundReader::SoundReader(std::string_view bytes, std::string_view name, std::int64_t sample_rate,
                         const AudioLimits& limits) {
  TORCH_CHECK(sample_rate > 0, "SoundReader: a sample rate is positive, got ", sample_rate);
  sound_ = std::make_unique<Sound>(bytes, name, sample_rate, limits);
}

SoundReader::~SoundReader() = default;

at::Tensor SoundReader::read(std::int64_t count) {
  std::vector<float>& samples = sound_->samples;
  while (!sound_->ended && static_cast<std::int64_t>(samples.size()) < count) sound_->fill();
  const std::int64_t taken = std::min(count, static_cast<std::int64_t>(samples.size()));
  at::Tensor piece_N = at::empty({taken}, at::kFloat);
  std::copy_n(samples.begin(), taken, piece_N.mutable_data_ptr<float>());
  samples.erase(samples.begin(), samples.begin() + taken);
  return piece_N;
}

Audio decode_audio(std::string_view bytes, std::int64_t sample_rate, std::string_view name, const AudioLimits& limits) {
  SoundReader sound(bytes, name, sample_rate, limits);
  at::Tensor samples_N = sound.read(std::numeric_limits<std::int64_t>::max());
  if (samples_N.numel() == 0) throw InputError(name, "", "holds no sound");
  return {std::move(samples_N), sample_rate};
}

}  // namespace palimpsest
