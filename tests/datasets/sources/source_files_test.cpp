#include "datasets/sources/source_files.h"

#include <gmock/gmock.h>

namespace palimpsest {
namespace {

using testing::ElementsAre;

TEST(SourceFiles, BracesAreSpelledOutAsShellsDo) {
  EXPECT_THAT(expand_braces("a.tar"), ElementsAre("a.tar"));
  EXPECT_THAT(expand_braces("a{1,b,}c"), ElementsAre("a1c", "abc", "ac"));
  EXPECT_THAT(expand_braces("{098..101}"), ElementsAre("098", "099", "100", "101"));
  EXPECT_THAT(expand_braces("{9..11}"), ElementsAre("9", "10", "11"));
  EXPECT_THAT(expand_braces("{3..1}"), ElementsAre("3", "2", "1"));
  EXPECT_THAT(expand_braces("{a,b{1..2}}-{x,y}"), ElementsAre("a-x", "a-y", "b1-x", "b1-y", "b2-x", "b2-y"));
}

TEST(SourceFiles, OtherBracesStayAsTheyAre) {
  for (const char* name : {"a{b}c", "{", "}{", "{1..}", "{-1..2}", "{1...3}", "{0..99999999}"}) {
    EXPECT_THAT(expand_braces(name), ElementsAre(name));
  }
  EXPECT_THAT(expand_braces("{one}{1,2}"), ElementsAre("{one}1", "{one}2"));
}

}  // namespace
}  // namespace palimpsest
