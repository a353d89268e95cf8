#include "modalities/media/audio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/errors.h"
#include "base/files.h"
#include "base/random.h"
#include "tests/modalities/media/encode_media.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
using testing_support::encode_sound;
using testing_support::Stereo;

constexpr double kTone = 440, kLoudness = 0.5;

Stereo tone(double seconds, float right_sign = 1) {
  Stereo sound;
  for (int i = 0; i < static_cast<int>(seconds * sound.sample_rate); ++i) {
    sound.left.push_back(
        static_cast<float>(kLoudness * std::sin(2 * std::numbers::pi * kTone * i / sound.sample_rate)));
    sound.right.push_back(right_sign * sound.left.back());
  }
  return sound;
}

// Amplitude of the tone in the middle of the sound, and the largest deviation from it as a share of the loudness.
struct Measured {
  double amplitude = 0, residue = 0;
};
Measured measure(const Audio& audio) {
  const auto total = audio.samples_N.size(0), window = audio.sample_rate / 2, first = (total - window) / 2;
  const float* samples = audio.samples_N.const_data_ptr<float>() + first;
  double sine = 0, cosine = 0, residue = 0;
  const double step = 2 * std::numbers::pi * kTone / static_cast<double>(audio.sample_rate);
  for (std::int64_t i = 0; i < window; ++i) {
    sine += samples[i] * std::sin(step * static_cast<double>(i)) * 2 / static_cast<double>(window);
    cosine += samples[i] * std::cos(step * static_cast<double>(i)) * 2 / static_cast<double>(window);
  }
  for (std::int64_t i = 0; i < window; ++i) {
    const double phase = step * static_cast<double>(i);
    residue = std::max(residue, std::abs(samples[i] - sine * std::sin(phase) - cosine * std::cos(phase)));
  }
  return {std::hypot(sine, cosine), residue};
}

std::string audio_error(std::string_view bytes, const AudioLimits& limits = {}) {
  testing::internal::CaptureStderr();
  std::string message = "no error";
  try {
    decode_audio(bytes, 16'000, "x.wav", limits);
  } catch (const InputError& error) {
    message = error.what();
  }
  const std::string talk = testing::internal::GetCapturedStderr();
  return message + (talk.empty() ? "" : " [stderr: " + talk + "]");
}

struct Container {
  const char *format, *encoder;
  double tolerance;  // of amplitude and residue
};

TEST(Audio, EveryContainerGivesTheToneAtTheAskedRate) {
  const Stereo sound = tone(1.5);
  for (const Container& container :
       {Container{"wav", "pcm_s16le", 2e-3}, Container{"flac", "flac", 2e-3}, Container{"mp3", "libmp3lame", 2e-2},
        Container{"ogg", "libvorbis", 2e-2}, Container{"aiff", "pcm_s16be", 2e-3}}) {
    const Audio audio =
        decode_audio(encode_sound(container.format, container.encoder, sound), 16'000, container.format);
    EXPECT_EQ(audio.sample_rate, 16'000);
    EXPECT_NEAR(static_cast<double>(audio.samples_N.size(0)), 24'000, 1'200) << container.format;
    const Measured measured = measure(audio);
    EXPECT_NEAR(measured.amplitude, kLoudness, container.tolerance) << container.format;
    EXPECT_LT(measured.residue, container.tolerance) << container.format;
  }
}

TEST(Audio, ChannelsAreAveraged) {
  const Audio audio = decode_audio(encode_sound("wav", "pcm_s16le", tone(1, -1)), 16'000, "opposite");
  EXPECT_LT(audio.samples_N.abs().max().item<float>(), 1e-3);
}

TEST(Audio, WavGivesBackEvery16BitSample) {
  const RandomKey key = RandomKey::root(11);
  std::vector<float> samples{-1.0f, 32767.0f / 32768, 0.0f};
  for (std::uint64_t i = 0; i < 5000; ++i) samples.push_back((static_cast<float>(key.below(65536, i)) - 32768) / 32768);
  const Audio audio{at::tensor(samples, at::kFloat), 16'000};
  EXPECT_TRUE(at::equal(decode_audio(encode_wav(audio), 16'000, "wav").samples_N, audio.samples_N));
}

TEST(Audio, WavHoldsWhatPassesFullScaleAtItAndRefusesWhatIsNoNumber) {
  const Audio loud = decode_audio(encode_wav({at::tensor({2.0f, -2.0f, 0.5f}), 8'000}), 8'000, "wav");
  EXPECT_EQ(loud.samples_N[0].item<float>(), 32767.0f / 32768);
  EXPECT_EQ(loud.samples_N[1].item<float>(), -1.0f);
  EXPECT_THROW(encode_wav({at::tensor({std::nanf("")}), 8'000}), c10::Error);
}

TEST(Audio, CutFilesAreRefused) {
  const Stereo sound = tone(1.5);
  const std::string wav = encode_sound("wav", "pcm_s16le", sound), flac = encode_sound("flac", "flac", sound);
  EXPECT_EQ(audio_error(std::string_view(wav).substr(0, wav.size() / 2)), "x.wav: is truncated");
  EXPECT_EQ(audio_error(std::string_view(wav).substr(0, wav.size() - 1)), "x.wav: is truncated");
  EXPECT_EQ(audio_error(std::string_view(wav).substr(0, 30)), "x.wav: is truncated");
  EXPECT_THAT(audio_error(std::string_view(flac).substr(0, flac.size() / 2)), testing::StartsWith("x.wav: is "));
}

TEST(Audio, WhatIsNoSoundIsNamed) {
  EXPECT_EQ(audio_error(""), "x.wav: is empty");
  EXPECT_THAT(audio_error("a red apple is on the table, and it is no sound\n"), testing::StartsWith("x.wav: "));
  EXPECT_EQ(audio_error("\x89PNG\r\n\x1a\n...."), "x.wav: is a picture, not sound");
}

TEST(Audio, APlaylistOpensNothing) {
  const std::filesystem::path wav = std::filesystem::path(testing::TempDir()) / "listed.wav";
  save_wav({at::zeros({16'000}), 16'000}, wav);
  const std::string playlist =
      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + wav.string() + "\n#EXT-X-ENDLIST\n";
  EXPECT_THAT(audio_error(playlist), testing::StartsWith("x.wav: "));
  EXPECT_THAT(audio_error("ffconcat version 1.0\nfile " + wav.string() + "\n"), testing::StartsWith("x.wav: "));
}

TEST(Audio, LengthIsLimited) {
  const std::string wav = encode_wav({at::zeros({32'000}), 16'000});
  EXPECT_EQ(audio_error(wav, {.max_seconds = 1}), "x.wav: is longer than 1 seconds");
  EXPECT_EQ(audio_error(wav, {.max_seconds = 2}), "no error");
}

TEST(Audio, AnHourIsRefusedBeforeItIsInMemory) {
  std::string wav = encode_wav({at::zeros({3600 * 4000}), 4'000});
  EXPECT_EQ(audio_error(wav), "x.wav: is longer than 300 seconds");
  // Brought to 16 kHz each of its samples would be sixteen.
  wav.replace(24, 4, std::string("\xE8\x03\x00\x00", 4));
  EXPECT_EQ(audio_error(wav, {.max_seconds = 10}), "x.wav: is longer than 10 seconds");
}

TEST(Audio, SampleRatesOfTheFileAreLimited) {
  const std::string wav = encode_wav({at::zeros({100'000}), 768'000});
  EXPECT_EQ(audio_error(wav), "no error");
  for (const std::int64_t rate : {std::int64_t{768'001}, std::int64_t{999}, std::int64_t{1}}) {
    EXPECT_EQ(audio_error(encode_wav({at::zeros({1000}), rate})),
              "x.wav: has " + std::to_string(rate) + " Hz; 1000 to 768000 are read");
  }
}

TEST(Audio, MoreChannelsThanCanBeMixedAreRefused) {
  std::string wav = encode_wav({at::zeros({8000}), 8'000});
  wav[22] = 100;                     // channels,
  wav[32] = static_cast<char>(200);  // and bytes of them all
  EXPECT_THAT(audio_error(wav), testing::StartsWith("x.wav: "));
  EXPECT_NE(audio_error(wav), "no error");
}

TEST(SoundReader, PiecesMakeUpTheWhole) {
  const std::string flac = encode_sound("flac", "flac", tone(1.5));
  const at::Tensor whole_N = decode_audio(flac, 16'000, "x.flac").samples_N;
  SoundReader reader(flac, "x.flac", 16'000);
  std::vector<at::Tensor> pieces;
  for (std::int64_t count = 1; pieces.empty() || pieces.back().numel() > 0; count = count * 3 + 1)
    pieces.push_back(reader.read(count));
  EXPECT_EQ(pieces.at(0).numel(), 1);
  EXPECT_TRUE(at::cat(pieces).equal(whole_N));
  EXPECT_EQ(reader.read(10).numel(), 0);
}

// Twenty frames of rising brightness with a tone beside them.
TEST(Video, FramesAreEvenlySpacedAndTheSoundIsThere) {
  std::vector<at::Tensor> frames_HWC;
  for (int i = 0; i < 20; ++i) frames_HWC.push_back(at::full({32, 48, 4}, 10 + 12 * i, at::kByte));
  const Stereo sound = tone(2);
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "clip.mkv";
  write_file_atomically(path, testing_support::encode_video("matroska", "mpeg4", frames_HWC, &sound));
  const auto frames = load_video_frames(path, 5);
  ASSERT_EQ(frames.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    const Image& frame = frames[static_cast<std::size_t>(i)];
    EXPECT_EQ(frame.pixels_HWC.sizes(), (std::vector<std::int64_t>{32, 48, 3}));
    EXPECT_NEAR(frame.pixels_HWC.to(at::kDouble).mean().item<double>(), 10 + 12 * (4 * i + 2), 6) << i;
  }
  EXPECT_EQ(load_video_frames(path, 100).size(), 20u);
  EXPECT_NEAR(measure(load_audio(path, 16'000)).amplitude, kLoudness, 2e-3);
}

TEST(Video, WhatHoldsNoPictureIsNamed) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "sound.wav";
  save_wav({at::zeros({16'000}), 16'000}, path);
  try {
    load_video_frames(path, 3);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()), path.string() + ": holds no video that can be read");
  }
}

}  // namespace
}  // namespace palimpsest
