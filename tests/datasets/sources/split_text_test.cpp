// Long texts in several samples.
#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/random.h"
#include "datasets/sources/open_source.h"
#include "datasets/sources/several_texts.h"
#include "modalities/media/text.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

TEST(SplitText, PiecesMakeUpTheTextAndAreNoLonger) {
  const RandomKey key = RandomKey::root(8);
  std::string text;
  for (std::uint64_t word = 0; word < 3000; ++word) {
    text += word % 7 == 0 ? "häuser" : std::string(1 + key.below(9, word), 'w');
    text += word % 97 == 0 ? "\n\n" : word % 31 == 0 ? "\n" : word % 13 == 0 ? ". " : " ";
  }
  for (const std::int64_t bytes : {4, 16, 100, 1000, 1'000'000}) {
    std::string whole;
    for (const std::string_view piece : split_text(text, bytes)) {
      EXPECT_LE(static_cast<std::int64_t>(piece.size()), bytes);
      EXPECT_FALSE(piece.empty());
      EXPECT_EQ(first_invalid_utf8(piece), std::string_view::npos) << "characters stay whole";
      whole += piece;
    }
    EXPECT_EQ(whole, text) << bytes;
  }
  for (const std::string_view piece : split_text(text, 1000)) EXPECT_THAT(piece.back(), testing::AnyOf(' ', '\n'));
  EXPECT_THAT(split_text("", 16), testing::ElementsAre(""));
}

TEST(SplitText, ParagraphsGoBeforeLinesSentencesAndWords) {
  EXPECT_THAT(split_text("one two three\n\nfour. five six", 20),
              testing::ElementsAre("one two three\n\n", "four. five six"));
  EXPECT_THAT(split_text("one two\nthree. four five", 14), testing::ElementsAre("one two\n", "three. four ", "five"));
  EXPECT_THAT(split_text("abcdefghij", 4), testing::ElementsAre("abcd", "efgh", "ij"));
}

TEST(SplitText, ALongDocumentIsAsManySamplesOfOneSplit) {
  const ScratchFolder scratch;
  scratch.write("in/long.txt", "the first part.\n\nthe second part.\n\nthe third\n");
  scratch.write("in/short.txt", "short");
  DataOptions data;
  data.source = (scratch / "in").string();
  data.roles["caption"] = caption_role();
  data.roles["caption"].split_bytes = 20;
  data.splits["a"].to = data.splits["b"].from = 0.5;
  std::vector<std::string> texts, keys;
  for (const char* split : {"a", "b"}) {
    for (const ReadResult& result : read_all(*open_source(data, split))) {
      EXPECT_EQ(result.error, "");
      texts.push_back(caption_of(result.sample));
      keys.push_back(result.sample.key + (result.sample.key == "short" ? "" : std::string(" in ") + split));
    }
  }
  EXPECT_THAT(texts, testing::UnorderedElementsAre("the first part.", "the second part.", "the third", "short"));
  const std::string where = keys.front() == "short" ? keys.back().substr(9) : keys.front().substr(9);
  EXPECT_THAT(keys, testing::IsSupersetOf({"long#1of3" + where, "long#2of3" + where, "long#3of3" + where}));
  data.roles["caption"].several = SeveralTexts::kEach;
  EXPECT_THAT(message_of<InputError>([&] { data.roles["caption"].validate(); }),
              HasSubstr("split_bytes: is for texts of which a sample has one"));
}

}  // namespace
}  // namespace palimpsest
