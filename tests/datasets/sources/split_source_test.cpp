#include "datasets/sources/split_source.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/sources/open_source.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

std::vector<std::string> keys_of(const std::vector<ReadResult>& results) {
  std::vector<std::string> keys;
  for (const ReadResult& result : results) keys.push_back(result.sample.key);
  return keys;
}

TEST(SplitSource, ListedKeysAndThoseThatNeverCame) {
  const ScratchFolder scratch;
  DataOptions data = tiny_data();
  data.splits["all"].keys = scratch.write("keys.txt", "1f34e_noto\n1f511_fluent\nnowhere\n").string();
  const auto results = read_all(*open_source(data, "all"));
  EXPECT_THAT(keys_of(results), testing::ElementsAre("1f34e_noto", "1f511_fluent", "nowhere"));
  EXPECT_THAT(results[2].error, HasSubstr("not in the source"));
}

TEST(SplitSource, SharesPartTheSource) {
  DataOptions data = tiny_data();
  const auto all = keys_of(read_all(*open_source(data, "all")));
  ASSERT_EQ(all.size(), 24u);
  data.splits["first"].to = 0.7;
  data.splits["rest"].from = 0.7;
  auto parts = keys_of(read_all(*open_source(data, "first")));
  const auto rest = keys_of(read_all(*open_source(data, "rest")));
  EXPECT_FALSE(parts.empty());
  EXPECT_FALSE(rest.empty());
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_THAT(parts, testing::UnorderedElementsAreArray(all));
}

TEST(SplitSource, WhatIsDoneDoesNotComeAgain) {
  const ScratchFolder scratch;
  DataOptions data = tiny_data();
  data.splits["all"].keys = scratch.write("keys.txt", "1f34e_noto\n1f511_fluent\nanywhere\nnowhere\n").string();
  const auto all = keys_of(read_all(*open_source(data, "all")));
  ASSERT_EQ(all.size(), 4u);
  for (std::size_t done = 0; done <= all.size(); ++done) {
    const auto rest = keys_of(read_all(*open_source(data, "all", {}, {.done = static_cast<std::int64_t>(done)})));
    EXPECT_EQ(rest, std::vector(all.begin() + static_cast<std::ptrdiff_t>(done), all.end())) << done;
  }
}

// Keys CONCEPT_STYLE of many concepts.
std::vector<std::string> styled_keys() {
  std::vector<std::string> keys;
  for (int concept_number = 0; concept_number < 300; ++concept_number) {
    for (const char* style : {"_flat", "_round", "_line"}) keys.push_back(std::to_string(concept_number) + style);
  }
  return keys;
}

TEST(Split, NoGroupIsDividedAndSharesAreAsAsked) {
  SplitOptions train, rest;
  train.to = rest.from = 0.8;
  const Split trained(train, "^[^_]+"), held_out(rest, "^([^_]+)_");
  std::map<std::string, std::set<bool>> places;
  int count = 0;
  for (const std::string& key : styled_keys()) {
    EXPECT_NE(trained.holds(key), held_out.holds(key)) << key << ": exactly one";
    places[key.substr(0, key.find('_'))].insert(trained.holds(key));
    count += trained.holds(key);
  }
  for (const auto& [name, sides] : places) EXPECT_EQ(sides.size(), 1u) << name;
  EXPECT_NEAR(count, 720, 90);
  // The split is a function of the key alone: a key that does not match is a group by itself.
  EXPECT_EQ(Split(train).holds("loner"), trained.holds("loner"));
}

TEST(Split, PartsAreDisjointWholeAndKeepGroupsTogether) {
  std::map<std::string, std::set<int>> parts_of_group;
  const auto keys = styled_keys();
  std::vector<int> times(keys.size(), 0);
  for (int index = 0; index < 4; ++index) {
    const Split part({}, "^[^_]+", {index, 4});
    for (std::size_t at = 0; at < keys.size(); ++at) {
      if (!part.holds(keys[at])) continue;
      ++times[at];
      parts_of_group[keys[at].substr(0, keys[at].find('_'))].insert(index);
    }
  }
  EXPECT_THAT(times, testing::Each(1));
  for (const auto& [name, parts] : parts_of_group) EXPECT_EQ(parts.size(), 1u) << name;
}

TEST(Split, PartsOfAFileOfKeysAddUpToIt) {
  const ScratchFolder scratch;
  SplitOptions options;
  options.keys = scratch.write("keys.txt", "a_1\na_2\nb_1\nc_1\nc_2\nd_1\n").string();
  std::set<std::string> united;
  for (int index = 0; index < 3; ++index) united.merge(std::set(Split(options, "^[^_]+", {index, 3}).keys()));
  EXPECT_EQ(united, Split(options).keys());
}

// Lines of speakers, one of them cut short; every split that the recipe has, in the order of its name.
std::map<std::string, std::vector<ReadResult>> read_speakers(const std::string& lines, const std::string& field,
                                                             Part part = {}) {
  const ScratchFolder scratch;
  DataOptions data;
  data.source = scratch.write("lines.jsonl", lines).string();
  data.roles["caption"] = caption_role();
  data.group_field = field;
  data.splits["held-out"].from = data.splits["train"].to = 0.6;
  std::map<std::string, std::vector<ReadResult>> splits;
  for (const auto& [name, split] : data.splits) splits[name] = read_all(*open_source(data, name, {}, {.part = part}));
  return splits;
}

std::string lines_of_speakers(int speakers) {
  std::string lines;
  for (int line = 0; line < 4 * speakers; ++line) {
    lines +=
        nlohmann::json{{"caption", "line"}, {"by", {{"speaker", "s" + std::to_string(line % speakers)}}}}.dump() + "\n";
  }
  return lines;
}

TEST(GroupField, AllOfOneValueAreOfOneSplitAndOnePart) {
  const std::string lines = lines_of_speakers(50) + "{broken\n{\"caption\": \"by nobody\"}\n";
  std::map<std::string, std::set<std::string>> places;
  std::size_t count = 0, failed = 0;
  for (const std::int64_t part : {0, 1, 2}) {
    for (const auto& [split, results] : read_speakers(lines, "by.speaker", {part, 3})) {
      for (const ReadResult& result : results) {
        ++count;
        failed += result.fine() ? 0 : 1;
        if (result.fine() && result.sample.meta.contains("by"))
          places[result.sample.meta["by"]["speaker"]].insert(split + std::to_string(part));
      }
    }
  }
  EXPECT_EQ(count, 202u) << "each once, also without a speaker";
  EXPECT_EQ(failed, 1u);
  EXPECT_EQ(places.size(), 50u);
  for (const auto& [speaker, where] : places) EXPECT_EQ(where.size(), 1u) << speaker;
}

TEST(GroupField, WhatIsAddedMovesNobody) {
  const auto speakers_of = [](const std::vector<ReadResult>& results) {
    std::set<std::string> speakers;
    for (const ReadResult& result : results) speakers.insert(result.sample.meta["by"]["speaker"]);
    return speakers;
  };
  const auto before = read_speakers(lines_of_speakers(40), "by.speaker");
  const auto after = read_speakers(lines_of_speakers(80), "by.speaker");
  for (const char* split : {"train", "held-out"}) {
    const auto was = speakers_of(before.at(split)), is = speakers_of(after.at(split));
    EXPECT_GT(was.size(), 5u);
    EXPECT_TRUE(std::includes(is.begin(), is.end(), was.begin(), was.end())) << split;
  }
}

TEST(GroupField, WhereNothingHasFieldsOrKeysAlreadyGroupItIsRefused) {
  DataOptions data;
  data.form = "puzzles";
  data.roles["caption"] = caption_role();
  data.splits["all"] = {};
  data.puzzles.splits["all"] = {};
  data.group_field = "speaker";
  EXPECT_THAT(message_of<InputError>([&] { open_source(data, "all"); }), HasSubstr("data.group_field: is for sources"));
  data.group = "^a";
  EXPECT_THAT(message_of<InputError>([&] { data.validate(); }),
              HasSubstr("group_field: a sample's group is of its key"));
}

TEST(Split, AGroupThatIsNoExpressionIsRefused) {
  EXPECT_THAT(message_of<InputError>([] { Split({}, "(["); }),
              HasSubstr("data.group: '([' is no regular expression: missing terminating ]"));
}

TEST(SplitSource, ErrorsNameFileAndLine) {
  const ScratchFolder scratch;
  SplitOptions options;
  options.keys = scratch.write("twice.txt", "a\nb\na\n").string();
  EXPECT_THAT(message_of<InputError>([&] { Split{options}; }), HasSubstr("twice.txt: line 3: lists 'a' a second time"));
  options.keys = scratch.write("empty.txt", "\n").string();
  EXPECT_THAT(message_of<InputError>([&] { Split{options}; }), HasSubstr("lists no key"));
  options.keys = (scratch / "absent.txt").string();
  EXPECT_THAT(message_of<InputError>([&] { Split{options}; }), HasSubstr("absent.txt"));
}

TEST(OpenSource, UnknownNamesSuggestTheNearest) {
  EXPECT_THAT(message_of<InputError>([] { open_source(tiny_data(), "al"); }), HasSubstr("did you mean 'all'"));
  EXPECT_THAT(message_of<InputError>([] { open_source(tiny_data(), "all", {"picturs"}); }),
              HasSubstr("did you mean 'picture'"));
  DataOptions data = tiny_data();
  data.source = "nowhere.tar";
  EXPECT_THAT(message_of<InputError>([&] { open_source(data, "all"); }), HasSubstr("nowhere.tar: data.source"));
}

}  // namespace
}  // namespace palimpsest
