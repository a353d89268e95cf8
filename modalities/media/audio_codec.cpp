extern "C" {
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <cmath>

#include "base/errors.h"
#include "modalities/media/audio.h"
#include "modalities/media/audio_header.h"
#include "modalities/media/ffmpeg.h"
#include "modalities/media/image_header.h"

namespace palimpsest {

namespace {

// Frames of one format in, mono float samples at the wished rate out.
class Resampler {
 public:
  Resampler(const AVFrame& like, std::int64_t sample_rate)
      : rate_(like.sample_rate), channels_(like.ch_layout.nb_channels) {
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
    TORCH_CHECK(code >= 0, "Resampler: no way from ", like.sample_rate, " Hz to ", sample_rate, " Hz mono");
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
    TORCH_CHECK(made >= 0, "Resampler: conversion failed");
    samples.resize(before + static_cast<std::size_t>(made));
  }

 private:
  int rate_, channels_;
  std::unique_ptr<SwrContext, FfmpegFree<swr_free>> context_;
};

// A FLAC says how many samples it holds (RFC 9639, section 8.2): fewer than that is a cut file.
void check_length(const StreamDecoder& decoder, std::int64_t decoded, std::string_view name) {
  const AVStream& stream = decoder.stream();
  if (stream.codecpar->codec_id != AV_CODEC_ID_FLAC || stream.duration <= 0) return;
  const std::int64_t promised = av_rescale_q(stream.duration, stream.time_base, {1, stream.codecpar->sample_rate});
  if (decoded < promised) throw InputError(name, "", "is truncated");
}

void check_samples(const std::vector<float>& samples, std::string_view name) {
  if (samples.empty()) throw InputError(name, "", "holds no sound");
  for (const float sample : samples) {
    if (!std::isfinite(sample)) throw InputError(name, "", "holds samples that are not numbers");
  }
}

std::vector<float> decode_samples(StreamDecoder& decoder, std::int64_t sample_rate, std::string_view name,
                                  double max_seconds) {
  std::unique_ptr<Resampler> resampler;
  std::vector<float> samples;
  std::int64_t decoded = 0;
  while (const AVFrame* frame = decoder.next()) {
    if (!resampler) resampler = std::make_unique<Resampler>(*frame, sample_rate);
    if (!resampler->fits(*frame)) throw InputError(name, "", "changes its sample rate or channels midway");
    resampler->push(frame, samples);
    decoded += frame->nb_samples;
    if (static_cast<double>(samples.size()) > max_seconds * static_cast<double>(sample_rate)) {
      throw InputError(name, "",
                       "is longer than " + std::to_string(static_cast<std::int64_t>(max_seconds)) + " seconds");
    }
  }
  if (resampler) resampler->push(nullptr, samples);
  check_length(decoder, decoded, name);
  return samples;
}

}  // namespace

Audio decode_audio(std::string_view bytes, std::int64_t sample_rate, std::string_view name, const AudioLimits& limits) {
  TORCH_CHECK(sample_rate > 0, "decode_audio: a sample rate is positive, got ", sample_rate);
  if (image_format(bytes)) throw InputError(name, "", "is a picture, not sound");
  if (is_wav(bytes)) check_wav_is_whole(bytes, name);
  MemoryContainer container(bytes, name);
  StreamDecoder decoder(container, AVMEDIA_TYPE_AUDIO);
  const std::vector<float> samples = decode_samples(decoder, sample_rate, name, limits.max_seconds);
  check_samples(samples, name);
  return {at::tensor(samples, at::kFloat), sample_rate};
}

}  // namespace palimpsest
