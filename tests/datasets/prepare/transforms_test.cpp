// Transforms: each by a closed form, draws by the key alone, captions that stay true.
#include "datasets/prepare/transforms.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/datasets/small_data.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

TransformOptions made(const std::string& text) {
  return read_options<TransformOptions>(toml::parse(text), "x.toml", "transforms");
}

Sample captioned(const std::string& caption, const std::string& key = "k") {
  const at::Tensor pixels = at::arange(0, 4 * 4 * 3, at::kLong).to(at::kByte).view({4, 4, 3});
  return {key, {{"caption", Text{caption}}, {"picture", Image{pixels}}}, {{"style", "flat"}}};
}

const at::Tensor& pixels_of(const Sample& sample) { return std::get<Image>(sample.roles.at("picture")).pixels_HWC; }

TEST(Transforms, DirectionsAreSwappedAndNothingElse) {
  EXPECT_EQ(swap_directions("a cup left of a Box, RIGHT there, leftmost; Rightwards"),
            "a cup right of a Box, LEFT there, rightmost; Leftwards");
  for (const char* text : {"", "a bright copyright", "leftover", "deleft"})
    EXPECT_EQ(swap_directions(text), std::nullopt);
}

TEST(Transforms, AFlipLeavesPicturesWhoseCaptionsSayADirection) {
  const auto flip = made("kind = 'flip'\nrole = 'picture'\ncaption = 'caption'");
  Sample plain = captioned("a cup"), left = captioned("a cup on the left");
  transform({flip}, plain);
  transform({flip}, left);
  EXPECT_TRUE(pixels_of(plain).equal(pixels_of(captioned("a cup")).flip({1})));
  EXPECT_TRUE(pixels_of(left).equal(pixels_of(captioned("a cup"))));
  transform({flip, flip}, plain);
  EXPECT_TRUE(pixels_of(plain).equal(pixels_of(captioned("a cup")).flip({1}))) << "twice is none";
}

TEST(Transforms, AFlipSwapsTheWordsWhenAsked) {
  Sample sample = captioned("a cup on the left");
  transform({made("kind = 'flip'\nrole = 'picture'\ncaption = 'caption'\nwords = 'swap'")}, sample);
  EXPECT_EQ(caption_of(sample), "a cup on the right");
  EXPECT_TRUE(pixels_of(sample).equal(pixels_of(captioned("")).flip({1})));
}

TEST(Transforms, ProbabilityIsKeptAndHangsOnTheKeyAlone) {
  const std::vector<TransformOptions> drop{made("kind = 'dropout'\nrole = 'caption'\nprobability = 0.3")};
  int dropped = 0;
  for (int number = 0; number < 1000; ++number) {
    Sample once = captioned("a cup", std::to_string(number)), again = once;
    transform(drop, once);
    transform(drop, again);
    EXPECT_EQ(once.roles.size(), again.roles.size());
    dropped += !once.roles.contains("caption");
  }
  EXPECT_NEAR(dropped, 300, 60);
}

TEST(Transforms, TheLastRoleIsNotDropped) {
  Sample sample = captioned("a cup");
  transform({made("kind = 'dropout'\nrole = 'caption'"), made("kind = 'dropout'\nrole = 'picture'")}, sample);
  EXPECT_EQ(sample.roles.size(), 1u);
  EXPECT_TRUE(sample.roles.contains("picture"));
}

TEST(Transforms, ATemplateTakesFieldsThatAreThere) {
  const auto choose =
      made("kind = 'template'\nrole = 'caption'\ntexts = ['a {style} picture of {caption}', '{size} {caption}']");
  Sample sample = captioned("a cup");
  transform({choose}, sample);
  EXPECT_EQ(caption_of(sample), "a flat picture of a cup");
  std::set<std::string> texts;
  for (int number = 0; number < 50; ++number) {
    Sample drawn = captioned("a cup", std::to_string(number));
    transform({made("kind = 'template'\nrole = 'caption'\ntexts = ['{caption}!', 'see {caption}']")}, drawn);
    texts.insert(caption_of(drawn));
  }
  EXPECT_EQ(texts, (std::set<std::string>{"a cup!", "see a cup"}));
}

TEST(Transforms, LoudnessIsTheLevelOrWhatPeaksAllow) {
  Sample sample{"k", {{"sound", Audio{at::full({1000}, 0.5), 8000}}}, {}};
  transform({made("kind = 'loudness'\nrole = 'sound'\nlevel = -20")}, sample);
  const auto samples = [&sample]() -> at::Tensor& { return std::get<Audio>(sample.roles.at("sound")).samples_N; };
  EXPECT_NEAR(samples().max().item<double>(), 0.1, 1e-6);
  samples()[3] = 1.0;
  transform({made("kind = 'loudness'\nrole = 'sound'\nlevel = 0")}, sample);
  EXPECT_NEAR(samples().max().item<double>(), 0.99, 1e-6);
}

TEST(Transforms, BlanksEndsAndParts) {
  Sample sample = captioned("  a \n\t cup ");
  transform({made("kind = 'blanks'\nrole = 'caption'"), made("kind = 'crop'\nrole = 'picture'\nleast = 0.5")}, sample);
  EXPECT_EQ(caption_of(sample), "a cup");
  EXPECT_EQ(pixels_of(sample).sizes(), at::IntArrayRef({4, 4, 3}));
  Sample sound{"k", {{"sound", Audio{at::cat({at::zeros({8000}), at::ones({800}), at::zeros({8000})}), 8000}}}, {}};
  transform({made("kind = 'trim'\nrole = 'sound'")}, sound);
  EXPECT_EQ(std::get<Audio>(sound.roles.at("sound")).samples_N.numel(), 800 + 2 * 320);
}

TEST(Transforms, RecipesThatCannotWorkAreRefusedByTheKey) {
  const auto refusal = [](const std::string& text) { return message_of<InputError>([&] { made(text); }); };
  EXPECT_THAT(refusal("kind = 'flop'\nrole = 'picture'"), HasSubstr("unknown value 'flop'; did you mean 'flip'?"));
  EXPECT_THAT(refusal("role = 'picture'"), HasSubstr("kind: must be given"));
  EXPECT_THAT(refusal("kind = 'flip'"), HasSubstr("role: must be given"));
  EXPECT_THAT(refusal("kind = 'flip'\nrole = 'picture'\nlevel = -3"), HasSubstr("level: flip does not take it"));
  EXPECT_THAT(refusal("kind = 'template'\nrole = 'caption'"), HasSubstr("texts: at least one is needed"));
  EXPECT_THAT(refusal("kind = 'dropout'\nrole = 'caption'\nprobability = 0"),
              HasSubstr("probability: must lie in 0..1"));
}

TEST(Transforms, EveryKindIsInTheCatalogueWithWhatItReads) {
  const auto catalogue = transform_catalogue();
  EXPECT_EQ(catalogue.size(), 7u);
  for (const CatalogueEntry& entry : catalogue) {
    TransformOptions options;
    options.kind = entry.name;
    const std::string media(transformed_kind(options));
    EXPECT_TRUE(entry.line.starts_with(media.empty() ? "any: " : media + ": ")) << entry.name;
  }
}

}  // namespace
}  // namespace palimpsest
