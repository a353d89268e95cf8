// Duplicates: exact ones always, near ones with the recall and precision that planted sets show; and caps.
#include <gmock/gmock.h>

#include "base/files.h"
#include "base/random.h"
#include "datasets/prepare/likeness.h"
#include "modalities/media/image.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/child.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

// How well rules find what was planted: originals 0..N-1, and copies of them with the number that they copy.
struct Found {
  int copies = 0, found = 0, wrong = 0;
  double recall() const { return static_cast<double>(found) / copies; }
  double precision() const { return static_cast<double>(found) / (found + wrong); }
};

std::string figures(const Found& found) {
  return "recall " + std::to_string(found.recall()) + ", precision " + std::to_string(found.precision());
}

struct Planted {
  Sample sample;
  int copy_of = -1;
};

Found find_planted(const DuplicateOptions& options, const std::vector<Planted>& samples) {
  KeptRules rules({{"same", options}}, {});
  Found found;
  for (const Planted& planted : samples) {
    ReadResult result{planted.sample, ""};
    rules.note(result, true);
    LedgerRow row;
    row.split = "all";
    row.key = planted.sample.key;
    row.traits = result.traits;
    const auto verdict = rules.judge(row);
    if (!verdict) rules.keep(row);
    const bool right = verdict && verdict->of == std::to_string(planted.copy_of);
    found.copies += planted.copy_of >= 0;
    found.found += right;
    found.wrong += verdict && !right;
  }
  return found;
}

std::string random_words(RandomKey key, int count) {
  std::string text;
  for (int word = 0; word < count; ++word) {
    for (std::uint64_t letter = 0; letter < 3 + key.below(5, static_cast<std::uint64_t>(word) * 16); ++letter)
      text += static_cast<char>('a' + key.below(26, static_cast<std::uint64_t>(word) * 16 + letter + 1));
    text += ' ';
  }
  return text;
}

TEST(Duplicates, TextsOfWhichOneWordInThirtyDiffersAreFound) {
  const RandomKey root = RandomKey::root(3).fold("texts");
  std::vector<Planted> samples;
  for (int number = 0; number < 300; ++number)
    samples.push_back({{std::to_string(number),
                        {{"text", Text{random_words(root.fold(static_cast<std::uint64_t>(number)), 30)}}},
                        {}}});
  for (int number = 0; number < 150; ++number) {
    std::string text = std::get<Text>(samples[static_cast<std::size_t>(number)].sample.roles.at("text")).utf8;
    const auto at = root.fold("where").below(text.size() / 2, static_cast<std::uint64_t>(number));
    text.replace(text.find(' ', at) + 1, 4, "Zzz!");
    samples.push_back({{"copy " + std::to_string(number), {{"text", Text{text}}}, {}}, number});
  }
  const Found found = find_planted({"text", {"text"}}, samples);
  EXPECT_GE(found.recall(), 0.97);
  EXPECT_GE(found.precision(), 0.99);
  RecordProperty("figures", figures(found));
}

// Soft blobs of colour.
at::Tensor random_picture(RandomKey key) {
  const at::Tensor coarse = at::zeros({5, 5, 3}, at::kDouble);
  for (std::int64_t at = 0; at < 75; ++at) coarse.view({-1})[at] = 255.0 * key.uniform(static_cast<std::uint64_t>(at));
  return fit_image({coarse.to(at::kByte)}, 48, 48, FitPolicy::kStretch).pixels_HWC;
}

TEST(Duplicates, PicturesResizedBrightenedOrNoisyAreFoundAndOtherColoursAreNot) {
  const RandomKey root = RandomKey::root(3).fold("pictures");
  std::vector<Planted> samples;
  const auto add = [&samples](const std::string& key, const at::Tensor& pixels, int copy_of = -1) {
    samples.push_back({{key, {{"picture", Image{pixels}}}, {}}, copy_of});
  };
  for (int number = 0; number < 200; ++number)
    add(std::to_string(number), random_picture(root.fold(static_cast<std::uint64_t>(number))));
  for (int number = 0; number < 120; ++number) {
    const at::Tensor original =
        std::get<Image>(samples[static_cast<std::size_t>(number)].sample.roles.at("picture")).pixels_HWC;
    const std::string key = "copy " + std::to_string(number);
    if (number % 3 == 0) add(key, fit_image({original}, 40, 56, FitPolicy::kStretch).pixels_HWC, number);
    if (number % 3 == 1) add(key, (original.to(at::kFloat) + 8).clamp(0, 255).to(at::kByte), number);
    if (number % 3 == 2)
      add(key, (original.to(at::kFloat) + 4 * normal(root.fold(key), original.sizes())).clamp(0, 255).to(at::kByte),
          number);
  }
  // The same shapes in other colours are other pictures.
  for (int number = 0; number < 40; ++number) {
    const at::Tensor original =
        std::get<Image>(samples[static_cast<std::size_t>(number + 120)].sample.roles.at("picture")).pixels_HWC;
    const at::Tensor luminance = original.to(at::kFloat).matmul(at::tensor({0.299f, 0.587f, 0.114f})).unsqueeze(2);
    add("grey " + std::to_string(number), luminance.expand({48, 48, 3}).round().to(at::kByte).contiguous());
  }
  const Found found = find_planted({"picture", {"picture"}}, samples);
  EXPECT_GE(found.recall(), 0.92);
  EXPECT_GE(found.precision(), 0.97);
  RecordProperty("figures", figures(found));
}

TEST(Duplicates, ExactOnesAreAllFoundAndNothingElse) {
  std::vector<Planted> samples;
  for (int number = 0; number < 200; ++number)
    samples.push_back({{std::to_string(number), {{"text", Text{"text " + std::to_string(number)}}}, {}}});
  for (int number = 0; number < 200; number += 3)
    samples.push_back(
        {{"copy " + std::to_string(number), {{"text", Text{"text " + std::to_string(number)}}}, {}}, number});
  const Found found = find_planted({"exact", {"text"}}, samples);
  EXPECT_EQ(found.recall(), 1);
  EXPECT_EQ(found.wrong, 0);
}

TEST(Duplicates, OnlyAWindowIsRemembered) {
  std::vector<Planted> samples;
  for (int number = 0; number < 10; ++number)
    samples.push_back({{std::to_string(number), {{"text", Text{"text " + std::to_string(number)}}}, {}}});
  for (int number = 9; number >= 0; --number)
    samples.push_back(
        {{"copy " + std::to_string(number), {{"text", Text{"text " + std::to_string(number)}}}, {}}, number});
  DuplicateOptions options{"exact", {"text"}};
  options.window = 4;
  EXPECT_EQ(find_planted(options, samples).found, 4);
}

// The tiny set's captions come in several drawing styles: the same caption again and again.
PrepareOptions deduplicated(const TinyPreparation& tiny) {
  PrepareOptions options = tiny.captions();
  options.data.splits["train"].variation.copies = 1;
  options.duplicates["caption"] = {"exact", {"caption"}};
  options.duplicates["caption"].within_split = true;
  return options;
}

TEST(Duplicates, TheLedgerSaysOfWhichAndVariantsAreNotTheirOwnDuplicates) {
  const TinyPreparation tiny;
  const auto report = tiny.prepare(deduplicated(tiny), "out");
  std::set<std::string> kept;
  std::int64_t duplicates = 0;
  for (const LedgerRow& row : tiny.ledger("out")) {
    const std::string origin = row.origin.empty() ? row.key : row.origin;
    if (row.outcome == Outcome::kKept) kept.insert(origin);
    if (row.outcome != Outcome::kDuplicate) continue;
    ++duplicates;
    EXPECT_EQ(row.rule, "caption");
    EXPECT_TRUE(kept.contains(row.of)) << row.key;
  }
  EXPECT_GT(duplicates, 0);
  EXPECT_EQ(report.at("train").duplicates + report.at("held-out").duplicates, duplicates);
  EXPECT_EQ(report.at("train").inputs(), 24) << "twelve and a variant of each";
  EXPECT_EQ(report.at("train").kept % 2, 0) << "with its variant or not at all";
}

TEST(Duplicates, AKilledRunThatGoesOnKnowsWhatWasKept) {
  const TinyPreparation tiny;
  PrepareOptions options = deduplicated(tiny);
  options.caps["style"] = {"_([a-z]+)$", "", 5};
  tiny.prepare(options, "whole");
  for (const char* point : {"prepare.after_shard:1", "prepare.after_shard:3"}) {
    ASSERT_TRUE(killed_at(point, [&] { tiny.prepare(options, point); }));
    tiny.prepare(options, point);
    EXPECT_EQ(differences(tiny.files(point), tiny.files("whole")), "") << point;
  }
}

TEST(Caps, NoMoreThanSoManyOfAGroup) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.captions();
  options.data.splits = {{"all", {}}};
  options.caps["style"] = {"_([a-z]+)", "", 2};
  const auto report = tiny.prepare(options, "out");
  std::map<std::string, int> kept;
  for (const LedgerRow& row : tiny.ledger("out")) {
    if (row.outcome == Outcome::kKept) ++kept[row.key.substr(row.key.find('_'))];
    if (row.outcome == Outcome::kFiltered) {
      EXPECT_EQ(row.rule, "style");
    }
  }
  EXPECT_GT(kept.size(), 1u);
  for (const auto& [style, count] : kept) EXPECT_EQ(count, 2) << style;
  EXPECT_EQ(report.at("all").rules.at("style"), report.at("all").filtered);
}

TEST(Duplicates, RecipesThatCannotWorkAreRefusedByTheKey) {
  const auto refusal = [](const std::string& text) {
    return message_of<InputError>(
        [&] { read_options<DuplicateOptions>(toml::parse(text), "x.toml", "duplicates.one"); });
  };
  EXPECT_THAT(refusal("kind = 'pictures'\nroles = ['picture']"), HasSubstr("did you mean 'picture'?"));
  EXPECT_THAT(refusal("kind = 'picture'"), HasSubstr("roles: at least one is needed"));
  EXPECT_THAT(refusal("kind = 'picture'\nroles = ['a', 'b']"), HasSubstr("'picture' compares one role"));
  EXPECT_THAT(refusal("kind = 'picture'\nroles = ['a']\ndistance = 20"), HasSubstr("must be at most 15 for 'picture'"));
  EXPECT_THAT(refusal("kind = 'exact'\nroles = ['a']\ndistance = 1"), HasSubstr("must be at most 0 for 'exact'"));
}

}  // namespace
}  // namespace palimpsest
