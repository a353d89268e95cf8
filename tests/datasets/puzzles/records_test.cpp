#include "datasets/puzzles/records.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/datasets/uniform.h"

namespace palimpsest {
namespace {

std::string told(const std::string& question, const std::string& answer) {
  const Ruling ruling = check_record(question, answer);
  return ruling.rule + ": " + ruling.where;
}

TEST(Records, MadeRecordsKeepToTheirSchemas) {
  const auto maker = record_maker({1, 5, 2, 50});
  std::set<std::string> schemas;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Puzzle puzzle = maker->make(RandomKey::root(seed));
    EXPECT_TRUE(check_record(puzzle.question, puzzle.solution).right())
        << puzzle.question << " " << puzzle.solution << " " << told(puzzle.question, puzzle.solution);
    schemas.insert(puzzle.question);
  }
  EXPECT_EQ(schemas.size(), 300u);
}

TEST(Records, TheCheckerNamesRuleAndField) {
  const std::string schema = "age:12..40;hue:red|green;tags:2*a|b;twin:=hue;size:0..5;all:age+size";
  const std::string right = R"({"age":20,"hue":"red","tags":["a","a"],"twin":"red","size":3,"all":23})";
  const auto with = [&](const std::string& part, const std::string& other) {
    std::string text = right;
    return told(schema, text.replace(text.find(part), part.size(), other));
  };
  EXPECT_EQ(told(schema, right), ": ");
  EXPECT_EQ(told(schema, R"({"all":23,"size":3,"twin":"red","tags":["a","a"],"hue":"red", "age":20})"), ": ");
  EXPECT_EQ(with("20", "11"), "range: field age");
  EXPECT_EQ(with("20", "2e1"), "range: field age");
  EXPECT_EQ(with("\"red\"", "\"blue\""), "choice: field hue");
  EXPECT_EQ(with("[\"a\",\"a\"]", "[\"a\"]"), "list: field tags");
  EXPECT_EQ(with("\"a\"]", "\"c\"]"), "list: field tags");
  EXPECT_EQ(with("\"twin\":\"red\"", "\"twin\":\"green\""), "link: field twin");
  EXPECT_EQ(with("23", "24"), "sum: field all");
  EXPECT_EQ(with(",\"size\":3", ""), "missing: field size");
  EXPECT_EQ(with("23}", "23,\"more\":1}"), "unknown: field more");
  EXPECT_EQ(with("23}", "23,\"age\":20}"), "object: a field twice");
  EXPECT_EQ(with("23}", "23"), "json: byte 70");
  EXPECT_EQ(with("20", "2e999"), "json: a number beyond all bounds");
  EXPECT_EQ(told(schema, "[1]"), "object: not an object");
  EXPECT_EQ(told(schema, std::string(100'000, '[')).substr(0, 5), "json:");
  for (const char* bad : {"", "age", "age:", "x:=y", "a:1..2;a:1..2", "a:x|y;b:a+a", "a:0*x"})
    EXPECT_EQ(told(bad, "{}"), "question: ") << bad;
}

// Against all records of a small schema, written out by hand.
TEST(Records, TheCheckerTakesExactlyTheRecordsThereAre) {
  std::int64_t right = 0;
  for (int a = -1; a <= 3; ++a) {
    for (const char* word : {"x", "y", "z"}) {
      for (int sum = 0; sum <= 6; ++sum) {
        const std::string answer =
            "{\"a\":" + std::to_string(a) + ",\"w\":\"" + word + "\",\"s\":" + std::to_string(sum) + "}";
        right += check_record("a:0..2;w:x|y;s:a+a", answer).right();
      }
    }
  }
  EXPECT_EQ(right, 3 * 2);
}

TEST(RecordsLaw, NumbersOfFieldsAreUniform) {
  const auto maker = record_maker({2, 4, 0, 9});
  std::map<std::string, std::int64_t> counts, first;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    const std::string question = maker->make(RandomKey::root(seed)).question;
    ++counts[std::to_string(std::count(question.begin(), question.end(), ':'))];
    ++first[question.substr(0, question.find(':'))];
  }
  expect_uniform(counts, 3, "fields");
  expect_uniform(first, 10, "name of the first");
}

}  // namespace
}  // namespace palimpsest
