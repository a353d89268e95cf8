#include "tokenizers/audio/speech_codec.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

AudioTokenizerOptions tiny_codec_options() {
  AudioTokenizerOptions options;
  options.widths = {16, 24};
  options.hidden = {16, 24};
  options.griffin_lim.iterations = 4;
  options.crop = 32;
  return options;
}

Audio hum(std::uint64_t seed, std::int64_t size) {
  const RandomKey key = RandomKey::root(seed);
  const double hertz = 200 + 600 * key.uniform(0);
  const at::Tensor samples = 0.4 * at::sin(at::arange(size, at::kDouble) * (6.283185307 * hertz / 16'000));
  return {samples.to(at::kFloat) + 0.01 * normal(key, {size}), 16'000};
}

TEST(SpeechCodec, IdsAreFrameMajorAndEachCodebookHasItsOwnRange) {
  const SpeechCodec codec(tiny_codec_options(), RandomKey::root(1));
  const Codes codes = codec.encode({hum(1, 5000)})[0];
  ASSERT_EQ(codes.ids_L.size(0), 8);  // 5,000 samples are 4 token times of 1,280; 2 codebooks
  EXPECT_TRUE(at::equal(codes.layout.coordinates_LA, frame_layout(4, 2).coordinates_LA));
  const at::Tensor ids_TQ = codes.ids_L.view({4, 2});
  EXPECT_TRUE(ids_TQ.select(1, 0).lt(1000).all().item<bool>());
  EXPECT_TRUE(ids_TQ.select(1, 1).ge(1000).all().item<bool>());
  EXPECT_EQ(codec.space().sub_range_sizes, (std::vector<std::int64_t>{1000, 1000}));
}

TEST(SpeechCodec, DecodingGivesWholeTokenTimes) {
  const SpeechCodec codec(tiny_codec_options(), RandomKey::root(2));
  for (const std::int64_t size : {0, 1, 1280, 1281, 4000}) {
    const std::vector<Codes> codes = codec.encode({hum(2, size)});
    const Audio audio = std::get<Audio>(codec.decode(codes)[0]);
    EXPECT_EQ(audio.samples_N.size(0), (size + 1279) / 1280 * 1280);
    EXPECT_EQ(audio.sample_rate, 16'000);
    EXPECT_TRUE(audio.samples_N.numel() == 0 || audio.samples_N.abs().max().item<float>() <= 1.0F);
  }
}

TEST(SpeechCodec, AloneOrInABatchOrWithMoreThreadsIsTheSame) {
  AudioTokenizerOptions options;
  options.griffin_lim.iterations = 4;
  const SpeechCodec codec(options, RandomKey::root(3));
  const std::vector<Media> sounds{hum(1, 9000), hum(2, 30'000), hum(3, 12'345)};
  const std::vector<Codes> together = codec.encode(sounds);
  const std::vector<Media> decoded = codec.decode(together);
  at::set_num_threads(2);
  for (std::size_t i = 0; i < sounds.size(); ++i) {
    EXPECT_TRUE(at::equal(codec.encode({sounds[i]})[0].ids_L, together[i].ids_L)) << i;
    const Media alone = codec.decode({together[i]})[0];
    EXPECT_TRUE(at::equal(std::get<Audio>(alone).samples_N, std::get<Audio>(decoded[i]).samples_N)) << i;
  }
  at::set_num_threads(1);
}

TEST(SpeechCodec, AFewStepsOfDescentMakeSpectraBetter) {
  SpeechCodec codec(tiny_codec_options(), RandomKey::root(4));
  const std::vector<Media> sounds{hum(1, 6000), hum(2, 9000), hum(3, 4000), hum(4, 20'000)};
  const RandomKey key = RandomKey::root(5);
  const LossReport before = codec.loss(sounds, key);
  std::vector<at::Tensor> velocity;
  for (const auto& [name, tensor] : codec.parameters().items()) velocity.push_back(at::zeros_like(tensor));
  for (int step = 0; step < 30; ++step) {
    codec.loss(sounds, key).loss.backward();
    const at::NoGradGuard no_grad;
    std::size_t index = 0;
    for (const auto& [name, tensor] : codec.parameters().items()) {
      velocity[index].mul_(0.9).add_(tensor.grad() / (tensor.grad().norm() + 1e-8));
      at::Tensor parameter = tensor;
      parameter.sub_(velocity[index++] * 0.02);
      parameter.mutable_grad().reset();
    }
  }
  EXPECT_LT(codec.loss(sounds, key).figures.at("mel_error_db"), 0.8 * before.figures.at("mel_error_db"));
}

TEST(SpeechCodec, TheCropFollowsTheKeyAlone) {
  SpeechCodec codec(tiny_codec_options(), RandomKey::root(6));
  const std::vector<Media> sounds{hum(1, 40'000)};
  const double one = codec.loss(sounds, RandomKey::root(1)).loss.item<double>();
  EXPECT_EQ(codec.loss(sounds, RandomKey::root(1)).loss.item<double>(), one);
  EXPECT_NE(codec.loss(sounds, RandomKey::root(2)).loss.item<double>(), one);
}

TEST(SpeechCodec, RefusesOtherMediaRatesAndIds) {
  const SpeechCodec codec(tiny_codec_options(), RandomKey::root(7));
  const auto message = [&](const Media& media) {
    try {
      codec.encode({media});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(Text{"apple"}), HasSubstr("reads audio, got text"));
  EXPECT_THAT(message(Audio{at::zeros({100}), 44'100}), HasSubstr("16000 samples a second, got 44100"));
  EXPECT_THROW(codec.layout(3), c10::Error);
  EXPECT_THROW(codec.decode({{at::zeros({2}, at::kLong), frame_layout(1, 2)}}),
               c10::Error);  // id 0 is none of codebook 1
}

TEST(AudioTokenizerOptions, BrokenRulesAreNamed) {
  AudioTokenizerOptions options;
  options.crop = 100;
  EXPECT_THROW(options.validate(), InputError);
  options = {};
  options.widths = {192};
  EXPECT_THROW(options.validate(), InputError);
  options = {};
  options.codebooks = 0;
  EXPECT_THROW(options.validate(), InputError);
  EXPECT_NO_THROW(AudioTokenizerOptions{}.validate());
}

}  // namespace
}  // namespace palimpsest
