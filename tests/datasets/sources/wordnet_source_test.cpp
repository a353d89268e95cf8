#include "datasets/sources/wordnet_source.h"

#include <gmock/gmock.h>

#include "tests/datasets/small_data.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

// Lines in the form of WordNet's data files (wndb(5WN)), made for this test.
constexpr const char* kNouns =
    "  1 This license is passed over.  \n"
    "00001740 03 n 01 red_box 0 001 ~ 00001930 n 0000 | a box that is red  \n"
    "00001930 03 n 0b a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 k 1 000 | eleven names; \"one | two\"; \"three\"  \n"
    "00002137 00 a 01 galore(ip) 0 000 | in abundance  \n"
    "not a synset\n"
    "00002452 03 n 02 one_word 0\n"
    "00002684 03 n 01 void 0 000 | \"only an example\"\n";

TEST(WordnetSource, WordsAndWhatTheyMean) {
  const ScratchFolder scratch;
  RoleOptions text;
  text.kind = "text";
  text.members = {"json"};
  text.field = "text";
  const auto results = read_all(*wordnet_source({scratch.write("data.noun", kNouns)}, {{{"caption", text}}, {}}));
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[0].sample.key, "noun:00001740");
  EXPECT_EQ(caption_of(results[0].sample), "red box: a box that is red");
  EXPECT_EQ(results[1].sample.meta.at("words").size(), 11u);
  EXPECT_EQ(caption_of(results[1].sample), "a: eleven names");
  EXPECT_EQ(results[1].sample.meta.at("examples"), "\"one | two\"; \"three\"");
  EXPECT_EQ(caption_of(results[2].sample), "galore: in abundance");
  for (const std::size_t bad : {3, 4}) EXPECT_THAT(results[bad].error, HasSubstr("no line of WordNet's data files"));
  EXPECT_THAT(results[5].error, HasSubstr("has no gloss"));
}

}  // namespace
}  // namespace palimpsest
