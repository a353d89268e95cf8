#include "datasets/sources/lines_source.h"

#include <gmock/gmock.h>

#include "datasets/sources/open_source.h"
#include "tests/datasets/small_data.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

DataOptions lines_data(const std::filesystem::path& file) {
  DataOptions data;
  data.source = file.string();
  data.roles = {{"caption", caption_role()}};
  data.splits["all"] = {};
  return data;
}

std::vector<ReadResult> read_lines(const std::string& name, const std::string& content) {
  const ScratchFolder scratch;
  scratch.write(name, content);
  return read_all(*open_source(lines_data(scratch / name), "all", {}, {}));
}

TEST(LinesSource, EachPlainLineIsASampleByItsNumber) {
  const auto results = read_lines("phrases.txt", "one cat\n\ntwo cats\r\nlast");
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].sample.key, "phrases:000001");
  EXPECT_EQ(caption_of(results[0].sample), "one cat");
  EXPECT_EQ(results[1].sample.key, "phrases:000003");
  EXPECT_EQ(caption_of(results[1].sample), "two cats");
  EXPECT_EQ(caption_of(results[2].sample), "last");
}

TEST(LinesSource, JsonLinesHaveFields) {
  const auto results = read_lines("set.jsonl", R"({"caption": "a cat", "style": "x"})"
                                               "\n{oops\n[1]\n{\"style\": \"y\"}\n");
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(caption_of(results[0].sample), "a cat");
  EXPECT_EQ(results[0].sample.meta.at("style"), "x");
  EXPECT_THAT(results[1].error, HasSubstr("is not valid JSON"));
  EXPECT_THAT(results[2].error, HasSubstr("must be a JSON object"));
  EXPECT_THAT(results[3].error, HasSubstr("has no field 'caption'"));
}

TEST(LinesSource, BadLinesAreErrorsAndTheRestIsRead) {
  const auto results = read_lines("set.txt", "fine\n\xff\xfe\n" + std::string(kLongestLine + 1, 'x') + "\nalso fine\n");
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].error, "");
  EXPECT_THAT(results[1].error, HasSubstr("UTF-8"));
  EXPECT_THAT(results[2].error, HasSubstr("more than 1 MB"));
  EXPECT_EQ(caption_of(results[3].sample), "also fine");
}

TEST(LinesSource, TheBundledPhrasesAreNoHeldOutCaptions) {
  DataOptions emoji = lines_data(kBundled / "emoji4.tar.gz");
  emoji.splits["all"].keys = (kBundled / "splits/unseen-concept.txt").string();
  std::set<std::string> held_out;
  for (const ReadResult& result : read_all(*open_source(emoji, "all", {}, {})))
    held_out.insert(caption_of(result.sample));
  const auto phrases = read_all(*open_source(lines_data(kBundled / "phrases.txt"), "all", {}, {}));
  EXPECT_EQ(phrases.size(), 9000u);
  for (const ReadResult& phrase : phrases) EXPECT_FALSE(held_out.contains(caption_of(phrase.sample)));
}

}  // namespace
}  // namespace palimpsest
