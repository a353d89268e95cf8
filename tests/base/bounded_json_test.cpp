#include "base/bounded_json.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/random.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

std::string json_error(const std::string& text, const JsonLimits& limits = {}) {
  return message_of<InputError>([&] { parse_json(text, "a.json", limits); });
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

// A value of a few levels, drawn by key.
nlohmann::json drawn(RandomKey key, int levels) {
  switch (key.below(levels > 0 ? 7 : 5, 0)) {
    case 0:
      return nullptr;
    case 1:
      return key.below(2, 1) == 1;
    case 2:
      return static_cast<std::int64_t>(key.below(1000, 1)) - 500;
    case 3:
      return key.uniform(1) * 1e6;
    case 4:
      return "\"t\\ext\n" + std::to_string(key.below(100, 1)) + "ü";
    case 5: {
      auto array = nlohmann::json::array();
      for (std::uint64_t item = key.below(4, 1); item > 0; --item) array.push_back(drawn(key.fold(item), levels - 1));
      return array;
    }
    default: {
      auto object = nlohmann::json::object();
      for (std::uint64_t item = key.below(4, 1); item > 0; --item)
        object["k" + std::to_string(item)] = drawn(key.fold(item), levels - 1);
      return object;
    }
  }
}

TEST(BoundedJson, ReadsWhatWasWritten) {
  for (std::uint64_t round = 0; round < 500; ++round) {
    const nlohmann::json value = drawn(RandomKey::root(3).fold(round), 4);
    EXPECT_EQ(parse_json(value.dump(), "a.json"), value);
  }
  EXPECT_EQ(parse_json("18446744073709551615", "a.json"), 18446744073709551615u);
}

TEST(BoundedJson, TellsWhereItIsNone) {
  EXPECT_EQ(json_error("[1, 2"), "a.json: byte 6: is not valid JSON");
  EXPECT_EQ(json_error(""), "a.json: byte 1: is not valid JSON");
  EXPECT_EQ(json_error("{} {}"), "a.json: byte 4: is not valid JSON");
  EXPECT_EQ(json_error("\"\xff\""), "a.json: byte 2: is not valid JSON");
  EXPECT_EQ(json_error("1e999"), "a.json: byte 5: is not valid JSON");
}

TEST(BoundedJson, AKeyThatComesTwiceIsRefused) {
  EXPECT_EQ(json_error(R"({"a": {"b": 1, "c": 2, "b": 3}})"), "a.json: has the key 'b' twice in one object");
  EXPECT_EQ(parse_json(R"([{"b": 1}, {"b": 2}, {"c": {"b": 3}, "b": 4}])", "a.json").size(), 3u);
}

TEST(BoundedJson, LevelsValuesAndBytesAreLimitedEachByItself) {
  EXPECT_EQ(json_error(nested(201), {.levels = 200}), "a.json: has values more than 200 levels deep");
  EXPECT_EQ(parse_json(nested(200), "a.json", {.levels = 200}).size(), 1u);
  EXPECT_THAT(json_error(std::string(4 << 20, '['), {.levels = 200}), HasSubstr("200 levels deep"));
  EXPECT_EQ(json_error("[1, 2, {\"a\": 3}]", {.values = 4}), "a.json: has more than 4 values");
  EXPECT_EQ(parse_json("[1, 2, {\"a\": 3}]", "a.json", {.values = 5}).size(), 3u);
  EXPECT_EQ(json_error("\"1234\"", {.bytes = 5}), "a.json: has more than 5 bytes");
}

TEST(BoundedJson, MemoryGrowsWithWhatIsThere) {
  const nlohmann::json small{{"a", 1}}, text{{"a", std::string(1000, 'x')}}, list{{"a", std::vector<int>(100, 1)}};
  EXPECT_GE(memory_of(text), memory_of(small) + 900);
  EXPECT_GE(memory_of(list), memory_of(small) + 100 * sizeof(nlohmann::json));
}

}  // namespace
}  // namespace palimpsest
