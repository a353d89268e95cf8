// Sound and pictures in the containers of others, made with FFmpeg's encoders: input for the decoders' tests.
#pragma once

extern "C" {
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

#include "base/files.h"
#include "modalities/media/ffmpeg.h"

namespace palimpsest::testing_support {

inline void must(int code) {
  if (code < 0) throw std::runtime_error("encode_media: FFmpeg error " + std::to_string(code));
}

// A file being written (not to memory: FFmpeg's memory buffer loses what is rewritten by seeking back).
class Muxer {
 public:
  explicit Muxer(const char* format) {
    must(avformat_alloc_output_context2(&format_, nullptr, format, nullptr));
    must(avio_open(&format_->pb, path_.c_str(), AVIO_FLAG_WRITE));
  }
  ~Muxer() {
    avio_closep(&format_->pb);
    avformat_free_context(format_);
    std::filesystem::remove(path_);
  }
  Muxer(const Muxer&) = delete;
  Muxer& operator=(const Muxer&) = delete;

  // An encoder with its stream; `configure` sets what the codec needs before it is opened.
  template <class Configure>
  AVCodecContext* add(const char* encoder, const Configure& configure) {
    const AVCodec* codec = avcodec_find_encoder_by_name(encoder);
    if (!codec) throw std::runtime_error(std::string("encode_media: no encoder ") + encoder);
    codecs_.emplace_back(avcodec_alloc_context3(codec));
    AVCodecContext* context = codecs_.back().get();
    configure(*context, *codec);
    if (format_->oformat->flags & AVFMT_GLOBALHEADER) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    must(avcodec_open2(context, codec, nullptr));
    AVStream* stream = avformat_new_stream(format_, nullptr);
    stream->time_base = context->time_base;
    must(avcodec_parameters_from_context(stream->codecpar, context));
    return context;
  }
  AVFormatContext* format() const { return format_; }
  void begin() { must(avformat_write_header(format_, nullptr)); }

  // nullptr: no more frames of this stream.
  void encode(int stream, const AVFrame* frame) {
    AVCodecContext* context = codecs_[static_cast<std::size_t>(stream)].get();
    must(avcodec_send_frame(context, frame));
    const PacketPointer packet(av_packet_alloc());
    while (avcodec_receive_packet(context, packet.get()) >= 0) {
      packet->stream_index = stream;
      av_packet_rescale_ts(packet.get(), context->time_base, format_->streams[stream]->time_base);
      must(av_interleaved_write_frame(format_, packet.get()));
    }
  }

  std::string finish() {
    must(av_write_trailer(format_));
    must(avio_closep(&format_->pb));
    return read_file(path_);
  }

 private:
  std::string path_ = testing::TempDir() + "encode_media_" + std::to_string(getpid());
  AVFormatContext* format_ = nullptr;
  std::vector<CodecPointer> codecs_;
};

struct Stereo {
  std::vector<float> left, right;
  int sample_rate = 44'100;
};

inline void configure_sound(AVCodecContext& context, const AVCodec& codec, int sample_rate) {
  context.sample_fmt = codec.sample_fmts[0];
  context.sample_rate = sample_rate;
  context.bit_rate = 192'000;
  context.time_base = {1, sample_rate};
  av_channel_layout_default(&context.ch_layout, 2);
}

inline void encode_sound_stream(Muxer& muxer, int stream, const AVCodecContext& context, const Stereo& sound) {
  AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
  SwrContext* made = nullptr;
  must(swr_alloc_set_opts2(&made, &stereo, context.sample_fmt, sound.sample_rate, &stereo, AV_SAMPLE_FMT_FLTP,
                           sound.sample_rate, 0, nullptr));
  const std::unique_ptr<SwrContext, FfmpegFree<swr_free>> converter(made);
  must(swr_init(made));
  const int block = context.frame_size > 0 ? context.frame_size : 1024;
  const int total = static_cast<int>(sound.left.size());
  for (int begin = 0; begin < total; begin += block) {
    const int count = std::min(block, total - begin);
    const FramePointer frame(av_frame_alloc());
    frame->nb_samples = count;
    frame->format = context.sample_fmt;
    frame->sample_rate = sound.sample_rate;
    av_channel_layout_copy(&frame->ch_layout, &stereo);
    must(av_frame_get_buffer(frame.get(), 0));
    const std::uint8_t* in[] = {reinterpret_cast<const std::uint8_t*>(sound.left.data() + begin),
                                reinterpret_cast<const std::uint8_t*>(sound.right.data() + begin)};
    must(swr_convert(made, frame->extended_data, count, in, count));
    frame->pts = begin;
    muxer.encode(stream, frame.get());
  }
  muxer.encode(stream, nullptr);
}

inline std::string encode_sound(const char* format, const char* encoder, const Stereo& sound) {
  Muxer muxer(format);
  const AVCodecContext* context = muxer.add(encoder, [&](AVCodecContext& settings, const AVCodec& codec) {
    configure_sound(settings, codec, sound.sample_rate);
  });
  muxer.begin();
  encode_sound_stream(muxer, 0, *context, sound);
  return muxer.finish();
}

inline FramePointer picture_frame(const at::Tensor& rgba_HWC, AVPixelFormat format, std::int64_t time) {
  FramePointer frame(av_frame_alloc());
  frame->height = static_cast<int>(rgba_HWC.size(0));
  frame->width = static_cast<int>(rgba_HWC.size(1));
  frame->format = format;
  must(av_frame_get_buffer(frame.get(), 0));
  SwsContext* context = sws_getContext(frame->width, frame->height, AV_PIX_FMT_RGBA, frame->width, frame->height,
                                       format, SWS_BICUBIC, nullptr, nullptr, nullptr);
  const at::Tensor pixels = rgba_HWC.contiguous();
  const std::uint8_t* in[] = {pixels.const_data_ptr<std::uint8_t>()};
  const int stride[] = {frame->width * 4};
  sws_scale(context, in, stride, 0, frame->height, frame->data, frame->linesize);
  sws_freeContext(context);
  frame->pts = time;
  return frame;
}

// Ten frames a second of RGBA pictures, and sound beside them when it is given.
inline std::string encode_video(const char* format, const char* encoder, const std::vector<at::Tensor>& frames_HWC,
                                const Stereo* sound = nullptr) {
  Muxer muxer(format);
  const AVCodecContext* pictures = muxer.add(encoder, [&](AVCodecContext& context, const AVCodec& codec) {
    context.height = static_cast<int>(frames_HWC[0].size(0));
    context.width = static_cast<int>(frames_HWC[0].size(1));
    context.pix_fmt = codec.pix_fmts[0];
    context.time_base = {1, 10};
    context.bit_rate = 2'000'000;
    if (context.priv_data) av_opt_set_int(context.priv_data, "lossless", 1, 0);  // of libwebp; unknown to the others
  });
  const AVCodecContext* waves = nullptr;
  if (sound) {
    waves = muxer.add("flac", [&](AVCodecContext& context, const AVCodec& codec) {
      configure_sound(context, codec, sound->sample_rate);
    });
  }
  muxer.begin();
  for (std::size_t i = 0; i < frames_HWC.size(); ++i) {
    muxer.encode(0, picture_frame(frames_HWC[i], pictures->pix_fmt, static_cast<std::int64_t>(i)).get());
  }
  muxer.encode(0, nullptr);
  if (sound) encode_sound_stream(muxer, 1, *waves, *sound);
  return muxer.finish();
}

}  // namespace palimpsest::testing_support
