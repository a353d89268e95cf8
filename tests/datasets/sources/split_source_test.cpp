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
  data.splits["all"].keys = scratch.write("keys.txt", "1f34e_noto\n1f511_fluent\nnowhere\n").string();
  const auto results = read_all(*open_source(data, "all", {}, {{"1f34e_noto", 1}, {"nowhere", 1}}));
  EXPECT_THAT(keys_of(results), testing::ElementsAre("1f511_fluent"));
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
