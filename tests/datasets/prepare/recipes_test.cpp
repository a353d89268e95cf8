// The recipes that ship: each is whole, and each of an installed package reads files in that package's form.
#include <gmock/gmock.h>

#include "base/recipe.h"
#include "datasets/prepare/prepare.h"
#include "datasets/sources/open_source.h"
#include "datasets/sources/source_form.h"
#include "modalities/media/audio.h"
#include "tests/datasets/small_data.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

PrepareOptions shipped(const std::string& name, const std::vector<std::string>& overrides = {}) {
  const Recipe recipe = load_recipe((recipe_root() / "prepare" / (name + ".toml")).string(), "prepare", overrides);
  return read_options<PrepareOptions>(recipe.table, recipe.file);
}

std::map<std::string, Sample> read_shipped(const std::string& name, const std::string& source) {
  DataOptions data = shipped(name, {"data.source=" + source}).data;
  for (auto& [split, options] : data.splits) options.from = 0.0, options.to = 1.0;
  std::map<std::string, Sample> samples;
  for (const ReadResult& result : read_all(*open_source(data, data.splits.begin()->first))) {
    EXPECT_EQ(result.error, "");
    samples[result.sample.key] = result.sample;
  }
  return samples;
}

std::string text_of(const Sample& sample, const std::string& role) {
  return std::get<Text>(sample.roles.at(role)).utf8;
}

TEST(PrepareRecipes, EachIsWholeAndNamesAForm) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(recipe_root() / "prepare")) {
    const PrepareOptions options = shipped(entry.path().stem().string());
    EXPECT_TRUE(options.data.form == kAutoForm || form_of(options.data).name == options.data.form) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 12);
}

TEST(PrepareRecipes, FortunesAreSplitAtPercentSigns) {
  const ScratchFolder scratch;
  const auto file = scratch.write("sayings", "One line.\n%\nTwo\n\tlines.\n\t\t-- Nobody\n%\n");
  const auto samples = read_shipped("fortunes", file.string());
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(caption_of(samples.at("sayings:000003")), "Two\n\tlines.\n\t\t-- Nobody");
}

TEST(PrepareRecipes, WordnetTellsWordAndMeaning) {
  const ScratchFolder scratch;
  const auto file = scratch.write("data.noun", "00000017 03 n 01 red_box 0 000 | a box that is red  \n");
  EXPECT_EQ(caption_of(read_shipped("wordnet", file.string()).at("noun:00000017")), "red box: a box that is red");
}

TEST(PrepareRecipes, StampsHaveCaptionsAndVoicesByLanguage) {
  const ScratchFolder scratch;
  const std::string voice = encode_wav({at::full({4000}, 0.25f), 16'000});
  scratch.write("animals/owl.png", grey_png(5, 9));
  scratch.write("animals/owl.txt", "An owl.\nes.utf8=Un bho.\nfr.utf8=Un hibou.\n");
  scratch.write("animals/owl.dat", "noflip\n");
  scratch.write("animals/owl.ogg", "its own sound, which nobody reads");
  scratch.write("animals/owl_desc_fr.ogg", voice);
  const Sample owl = read_shipped("tuxpaint", scratch.path().string()).at("animals/owl");
  EXPECT_EQ(caption_of(owl), "An owl.");
  EXPECT_EQ(text_of(owl, "caption-fr"), "Un hibou.");
  EXPECT_EQ(text_of(owl, "caption-es"), "Un bho.");
  EXPECT_EQ(std::get<Audio>(owl.roles.at("speech-fr")).samples_N.numel(), 4000);
  EXPECT_FALSE(owl.roles.contains("speech-es"));
  EXPECT_EQ(std::get<Image>(owl.roles.at("picture")).pixels_HWC.sizes(), (at::IntArrayRef{64, 64, 3}));
}

TEST(PrepareRecipes, PromptsHaveTheirTranscripts) {
  const ScratchFolder scratch;
  DataOptions data = shipped("asterisk", {"data.source=" + scratch.path().string()}).data;
  scratch.write("digits/h-3.wav", encode_wav({at::full({800}, 0.25f), 8'000}));
  std::int64_t missing = 0;
  for (const ReadResult& result : read_all(*open_source(data, "train"))) {
    if (result.error.empty()) {
      EXPECT_EQ(result.sample.key, "digits/h-3");
      EXPECT_EQ(caption_of(result.sample), "third");
      EXPECT_EQ(std::get<Audio>(result.sample.roles.at("speech")).samples_N.numel(), 1600);
    } else {
      EXPECT_THAT(result.error, HasSubstr("which is not there"));
      ++missing;
    }
  }
  EXPECT_EQ(missing, 156);
}

}  // namespace
}  // namespace palimpsest
