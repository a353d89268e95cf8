#include "tokenizers/image/fsq_image.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

ImageTokenizerOptions tiny_image_options() {
  return {.size = 16,
          .downsample = 8,
          .levels = {8, 8, 5},
          .widths = {12, 16},
          .hidden = {12, 16},
          .encoder_blocks = {1, 1},
          .decoder_blocks = {1, 1}};
}

// Two bands of colour: simple enough to learn in a few steps, different from one another.
Image drawing(std::uint64_t seed) {
  const RandomKey key = RandomKey::root(seed);
  at::Tensor pixels = at::full({16, 16, 3}, 255, at::kByte);
  for (std::int64_t colour = 0; colour < 3; ++colour) {
    const auto shade = static_cast<std::int64_t>(key.below(256, static_cast<std::uint64_t>(colour)));
    pixels.select(2, colour).slice(0, 0, 8).fill_(shade);
  }
  return {pixels};
}

std::vector<Media> drawings(std::size_t count) {
  std::vector<Media> all;
  for (std::size_t i = 0; i < count; ++i) all.emplace_back(drawing(i));
  return all;
}

TEST(FsqImageTokenizer, APictureIsAGridOfIdsAndComesBackAsAPicture) {
  const FsqImageTokenizer tokenizer(tiny_image_options(), RandomKey::root(1));
  const std::vector<Codes> codes = tokenizer.encode(drawings(3));
  ASSERT_EQ(codes.size(), 3U);
  EXPECT_EQ(codes[0].ids_L.sizes(), at::IntArrayRef({4}));
  EXPECT_TRUE(at::equal(codes[0].layout.coordinates_LA, grid_layout(2, 2).coordinates_LA));
  EXPECT_EQ(tokenizer.space().size(), 320);
  const Image image = std::get<Image>(tokenizer.decode(codes)[2]);
  EXPECT_EQ(image.pixels_HWC.sizes(), at::IntArrayRef({16, 16, 3}));
  EXPECT_EQ(image.pixels_HWC.scalar_type(), at::kByte);
}

TEST(FsqImageTokenizer, AloneOrInABatchOrWithMoreThreadsIsTheSame) {
  const FsqImageTokenizer tokenizer({}, RandomKey::root(2));
  std::vector<Media> pictures;
  for (std::uint64_t i = 0; i < 11; ++i) {
    pictures.emplace_back(Image{(at::sigmoid(normal(RandomKey::root(i), {64, 64, 3})) * 255).to(at::kByte)});
  }
  const std::vector<Codes> together = tokenizer.encode(pictures);
  const std::vector<Media> decoded = tokenizer.decode(together);
  at::set_num_threads(2);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    EXPECT_TRUE(at::equal(tokenizer.encode({pictures[i]})[0].ids_L, together[i].ids_L)) << i;
    const Media alone = tokenizer.decode({together[i]})[0];
    EXPECT_TRUE(at::equal(std::get<Image>(alone).pixels_HWC, std::get<Image>(decoded[i]).pixels_HWC)) << i;
  }
  at::set_num_threads(1);
}

// The net is of convolutions: a larger picture is a larger grid of the same ids, and sizes may be mixed.
TEST(FsqImageTokenizer, ReadsPicturesOfOtherSizes) {
  const FsqImageTokenizer tokenizer(tiny_image_options(), RandomKey::root(1));
  const auto plain = [](std::int64_t side) { return Media(Image{at::full({side, side, 3}, 90, at::kByte)}); };
  const std::vector<Media> pictures{plain(8), plain(24), plain(16), plain(24), drawing(3)};
  const std::vector<Codes> codes = tokenizer.encode(pictures);
  const std::vector<Media> decoded = tokenizer.decode(codes);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const std::int64_t side = std::get<Image>(pictures[i]).pixels_HWC.size(0), grid = side / 8;
    EXPECT_TRUE(at::equal(codes[i].layout.coordinates_LA, grid_layout(grid, grid).coordinates_LA)) << i;
    EXPECT_TRUE(at::equal(codes[i].ids_L, tokenizer.encode({pictures[i]})[0].ids_L)) << i;
    EXPECT_EQ(std::get<Image>(decoded[i]).pixels_HWC.sizes(), at::IntArrayRef({side, side, 3})) << i;
  }
}

TEST(FsqImageTokenizer, AFewStepsOfDescentMakePicturesBetter) {
  FsqImageTokenizer tokenizer(tiny_image_options(), RandomKey::root(3));
  const std::vector<Media> pictures = drawings(8);
  const double before = tokenizer.loss(pictures, RandomKey::root(0)).figures.at("psnr");
  std::vector<at::Tensor> velocity;
  for (const auto& [name, tensor] : tokenizer.parameters().items()) velocity.push_back(at::zeros_like(tensor));
  for (int step = 0; step < 30; ++step) {
    tokenizer.loss(pictures, RandomKey::root(0)).loss.backward();
    const at::NoGradGuard no_grad;
    std::size_t index = 0;
    for (const auto& [name, tensor] : tokenizer.parameters().items()) {
      velocity[index].mul_(0.9).add_(tensor.grad() / (tensor.grad().norm() + 1e-8));
      at::Tensor parameter = tensor;
      parameter.sub_(velocity[index++] * 0.02);
      parameter.mutable_grad().reset();
    }
  }
  const LossReport after = tokenizer.loss(pictures, RandomKey::root(0));
  EXPECT_GT(after.figures.at("psnr"), before + 3);
  EXPECT_LE(after.figures.at("psnr_of_mean"), after.figures.at("psnr"));
}

TEST(FsqImageTokenizer, RefusesOtherMediaSizesAndIds) {
  const FsqImageTokenizer tokenizer(tiny_image_options(), RandomKey::root(4));
  const auto message = [&](const Media& media) {
    try {
      tokenizer.encode({media});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(Text{"apple"}), HasSubstr("reads images, got text"));
  EXPECT_THAT(message(Image{at::zeros({16, 24, 3}, at::kByte)}), HasSubstr("square pictures"));
  EXPECT_THAT(message(Image{at::zeros({20, 20, 3}, at::kByte)}), HasSubstr("multiples of 8, such as 16x16"));
  EXPECT_THAT(message(Image{at::zeros({0, 0, 3}, at::kByte)}), HasSubstr("square pictures"));
  EXPECT_THROW(tokenizer.layout(5), c10::Error);
  EXPECT_THROW(tokenizer.decode({{at::full({4}, 320, at::kLong), grid_layout(2, 2)}}), c10::Error);
}

TEST(ImageTokenizerOptions, BrokenRulesAreNamed) {
  const auto key_of = [](auto change) {
    ImageTokenizerOptions options;
    change(options);
    try {
      options.validate();
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(key_of([](auto&) {}), "");
  EXPECT_THAT(key_of([](auto& o) { o.downsample = 7; }), HasSubstr("downsample"));
  EXPECT_THAT(key_of([](auto& o) { o.widths = {1, 2, 3}; }), HasSubstr("hidden"));
  EXPECT_THAT(key_of([](auto& o) { o.levels = {}; }), HasSubstr("levels"));
  EXPECT_THAT(key_of([](auto& o) { o.hidden = {0, 8}; }), HasSubstr("hidden"));
}

}  // namespace
}  // namespace palimpsest
