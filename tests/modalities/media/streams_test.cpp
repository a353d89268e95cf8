// What a file says of its streams, before anything is decoded.
#include "modalities/media/streams.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "modalities/media/audio.h"
#include "tests/modalities/media/encode_media.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

TEST(Streams, AWavTellsRateChannelsAndLength) {
  const auto streams = read_streams(encode_wav({at::zeros({6000}), 8'000}), "tone.wav");
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_EQ(streams[0].kind, "audio");
  EXPECT_EQ(streams[0].codec, "pcm_s16le");
  EXPECT_EQ(streams[0].sample_rate, 8'000);
  EXPECT_EQ(streams[0].channels, 1);
  EXPECT_DOUBLE_EQ(streams[0].seconds, 0.75);
}

TEST(Streams, AFilmTellsItsPicturesAndItsSound) {
  const std::vector<at::Tensor> frames_HWC(20, at::full({48, 64, 4}, 100, at::kByte));
  const std::vector<float> silence(16'000);
  const testing_support::Stereo sound{silence, silence, 16'000};
  const auto streams = read_streams(testing_support::encode_video("matroska", "mpeg4", frames_HWC, &sound), "film.mkv");
  ASSERT_EQ(streams.size(), 2u);
  EXPECT_EQ(streams[0].kind, "video");
  EXPECT_EQ(streams[0].codec, "mpeg4");
  EXPECT_EQ(streams[0].rows, 48);
  EXPECT_EQ(streams[0].columns, 64);
  EXPECT_GT(streams[0].seconds, 0);
  EXPECT_EQ(streams[1].kind, "audio");
  EXPECT_EQ(streams[1].sample_rate, 16'000);
}

TEST(Streams, WhatIsNoSoundIsRefusedByName) {
  const std::string noise("\xFF\xFE\x00\x01", 4);
  EXPECT_TRUE(message_of<InputError>([&] { read_streams(noise, "noise.bin"); }).starts_with("noise.bin: is no sound"));
  EXPECT_TRUE(message_of<InputError>([] { read_streams("", "empty.wav"); }).starts_with("empty.wav: is empty"));
}

}  // namespace
}  // namespace palimpsest
