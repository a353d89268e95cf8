#include "datasets/sources/lines_source.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/sources/open_source.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
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

TEST(LinesSource, ParagraphsAndFortunesAreSamplesOfTheirOwn) {
  const ScratchFolder scratch;
  DataOptions data = lines_data(scratch.write("set.txt", "one\ntwo\n\n \nthree\n%\nfour\n"));
  const auto captions = [&data](TextUnit unit) {
    data.lines.sample = unit;
    std::vector<std::string> texts;
    for (const ReadResult& result : read_all(*open_source(data, "all")))
      texts.push_back(result.sample.key + " " + caption_of(result.sample));
    return texts;
  };
  EXPECT_THAT(captions(TextUnit::kParagraph), testing::ElementsAre("set:000001 one\ntwo", "set:000005 three\n%\nfour"));
  EXPECT_THAT(captions(TextUnit::kFortune), testing::ElementsAre("set:000001 one\ntwo\n\n \nthree", "set:000007 four"));
}

TEST(LinesSource, PackedIsTheSameAndCutIsAnError) {
  const ScratchFolder scratch;
  std::string content;
  for (int line = 0; line < 5000; ++line) content += "line " + std::to_string(line * 7919 % 5000) + "\n";
  scratch.write("set.txt", content);
  ASSERT_EQ(std::system(("gzip -k '" + (scratch / "set.txt").string() + "'").c_str()), 0);
  const auto plain = read_all(*open_source(lines_data(scratch / "set.txt"), "all"));
  const auto packed = read_all(*open_source(lines_data(scratch / "set.txt.gz"), "all"));
  ASSERT_EQ(packed.size(), 5000u);
  EXPECT_EQ(packed.back().sample.key, plain.back().sample.key);
  EXPECT_EQ(caption_of(packed.back().sample), caption_of(plain.back().sample));
  scratch.write("cut.txt.gz", scratch.read("set.txt.gz").substr(0, 5000));
  EXPECT_THAT(message_of<InputError>([&] { read_all(*open_source(lines_data(scratch / "cut.txt.gz"), "all")); }),
              testing::AllOf(HasSubstr("cut.txt.gz: "), HasSubstr("truncated gzip input")));
}

TEST(LinesSource, NestedFieldsAndListsOfTexts) {
  const ScratchFolder scratch;
  DataOptions data = lines_data(scratch.write(
      "set.jsonl",
      "{\"a\": {\"text\": [\"one\", \"two\", \"three\"]}}\n{\"a\": {\"text\": \"four\"}}\n{\"a.text\": \"five\"}\n"));
  RoleOptions& caption = data.roles.at("caption");
  caption.field = "a.text";
  caption.several = SeveralTexts::kEach;
  const auto all = read_all(*open_source(data, "all"));
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[2].sample.key, "set:000001#3of3");
  EXPECT_EQ(caption_of(all[2].sample), "three");
  EXPECT_EQ(caption_of(all[3].sample), "four");
  EXPECT_EQ(caption_of(all[4].sample), "five");
  // Going on anywhere gives the rest.
  for (std::size_t begun = 0; begun < all.size(); ++begun) {
    const auto rest = read_all(*open_source(data, "all", {}, {.done = static_cast<std::int64_t>(begun)}));
    ASSERT_EQ(rest.size(), all.size() - begun);
    EXPECT_EQ(rest.front().sample.key, all[begun].sample.key);
  }
  caption.several = SeveralTexts::kDraw;
  const std::string drawn = caption_of(read_all(*open_source(data, "all")).front().sample);
  EXPECT_THAT((std::vector<std::string>{"one", "two", "three"}), testing::Contains(drawn));
}

TEST(LinesSource, SeveralFilesByPattern) {
  const ScratchFolder scratch;
  for (const char* name : {"a-08.txt", "a-09.txt", "a-10.txt"}) scratch.write(name, std::string(name) + "\n");
  const auto keys = [&](const std::string& pattern) {
    std::vector<std::string> found;
    for (const ReadResult& result : read_all(*open_source(lines_data(scratch / pattern), "all")))
      found.push_back(result.sample.key);
    return found;
  };
  EXPECT_THAT(keys("a-{09..08}.txt"), testing::ElementsAre("a-09:000001", "a-08:000001"));
  EXPECT_THAT(keys("a-*.txt"), testing::ElementsAre("a-08:000001", "a-09:000001", "a-10:000001"));
  EXPECT_THAT(keys("{a-10,a-0[8]}.txt"), testing::ElementsAre("a-10:000001", "a-08:000001"));
  EXPECT_THAT(message_of<InputError>([&] { keys("a-{08..12}.txt"); }),
              HasSubstr("a-11.txt: data.source: no such file"));
  EXPECT_THAT(message_of<InputError>([&] { keys("b*.txt"); }), HasSubstr("b*.txt: data.source: no file is named so"));
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
