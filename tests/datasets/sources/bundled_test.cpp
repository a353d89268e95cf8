// The bundled emoji4 set and the law of its splits.
#include <gmock/gmock.h>

#include <fstream>

#include "base/files.h"
#include "base/recipe.h"
#include "datasets/sources/open_source.h"
#include "datasets/sources/split_source.h"
#include "tests/datasets/small_data.h"

namespace palimpsest {
namespace {

struct Row {
  std::string concept_name, style;
};

const DataOptions& recipe_data() {
  static const DataOptions data = [] {
    const auto path = std::filesystem::path(PALIMPSEST_SOURCE_DIR) / "experiments/recipes/prepare/emoji4.toml";
    return recipe_options<DataOptions>(load_recipe(path.string(), "prepare"), "data");
  }();
  return data;
}

// Concept and style of every sample, read without decoding pictures.
const std::map<std::string, Row>& rows() {
  static const std::map<std::string, Row> all = [] {
    DataOptions data = recipe_data();
    data.splits = {{"all", {}}};
    data.roles.erase("speech");
    std::map<std::string, Row> read;
    for (const ReadResult& result : read_all(*open_source(data, "all", {"caption"}))) {
      EXPECT_EQ(result.error, "");
      read[result.sample.key] = {result.sample.meta.at("concept"), result.sample.meta.at("style")};
    }
    return read;
  }();
  return all;
}

std::set<std::string> keys(const std::string& split) { return Split(recipe_data().splits.at(split)).keys(); }

std::set<std::string> concepts(const std::string& split) {
  std::set<std::string> names;
  for (const std::string& key : keys(split)) names.insert(rows().at(key).concept_name);
  return names;
}

TEST(Bundled, HoldsEverySampleUnderItsBudget) {
  EXPECT_EQ(rows().size(), 7552u);
  EXPECT_LE(std::filesystem::file_size(kBundled / "emoji4.tar.gz"), 19'000'000u);
}

TEST(Bundled, SplitsCoverTheSetOnce) {
  std::size_t sum = 0;
  for (const char* split : {"train", "unseen-style", "unseen-concept"}) sum += keys(split).size();
  EXPECT_EQ(sum, rows().size());
  for (const std::string& key : keys("unseen-style"))
    EXPECT_FALSE(keys("train").contains(key) || keys("unseen-concept").contains(key));
}

TEST(Bundled, UnseenConceptsAreUnseenInEveryVariant) {
  EXPECT_EQ(concepts("unseen-concept").size(), 128u);
  for (const char* split : {"train", "unseen-style", "unseen-voice"}) {
    const auto seen = concepts(split);
    for (const std::string& name : concepts("unseen-concept"))
      EXPECT_FALSE(seen.contains(name)) << split << " has " << name;
  }
}

TEST(Bundled, UnseenStylesAreConceptsThatTrainingKnowsInOtherStyles) {
  std::map<std::string, std::set<std::string>> trained;
  for (const std::string& key : keys("train")) trained[rows().at(key).concept_name].insert(rows().at(key).style);
  std::set<std::pair<std::string, std::string>> pairs;
  for (const std::string& key : keys("unseen-style")) {
    const Row& row = rows().at(key);
    pairs.emplace(row.concept_name, row.style);
    EXPECT_GE(trained[row.concept_name].size(), 1u) << key;
    EXPECT_FALSE(trained[row.concept_name].contains(row.style)) << key;
  }
  EXPECT_GE(pairs.size(), 70u + 250u);
}

TEST(Bundled, UnseenVoiceSpeaksTrainedSamplesOfDifferentConcepts) {
  const auto spoken = keys("unseen-voice"), trained = keys("train");
  EXPECT_GE(spoken.size(), 256u);
  EXPECT_EQ(concepts("unseen-voice").size(), spoken.size());
  for (const std::string& key : spoken) EXPECT_TRUE(trained.contains(key));
  const auto& splits = recipe_data().splits;
  for (const std::string& voice : splits.at("unseen-voice").voices) {
    for (const auto& [name, split] : splits) {
      if (name == "unseen-voice") continue;
      EXPECT_THAT(split.voices, testing::Not(testing::Contains(voice)));
    }
  }
}

TEST(Bundled, ManifoldVariantsAreOneConcept) {
  const auto concept_of = [](const std::string& codepoints) { return rows().at(codepoints + "_noto").concept_name; };
  EXPECT_EQ(concept_of("1f469-200d-1f680"), concept_of("1f468-200d-1f680"));
  EXPECT_EQ(concept_of("1f469-200d-1f680"), concept_of("1f9d1-200d-1f680"));
  EXPECT_EQ(concept_of("1f3c3-200d-2642-200d-27a1"), concept_of("1f3c3-200d-2640"));
  EXPECT_NE(concept_of("1f469-200d-1f680"), concept_of("1f680"));
}

TEST(Bundled, NoticeNamesEverySourceAndLicence) {
  const std::string notice = read_file(kBundled / "NOTICE");
  for (const char* word :
       {"noto", "Apache", "twemoji", "CC-BY-4.0", "openmoji", "CC-BY-SA-4.0", "fluent", "MIT", "CLDR", "emojibase"}) {
    EXPECT_THAT(notice, testing::HasSubstr(word));
  }
}

}  // namespace
}  // namespace palimpsest
