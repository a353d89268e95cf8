// Options through every door: TOML in, TOML out, the command line.
#include "base/options.h"

#include <gmock/gmock.h>

#include "base/command_line.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

enum class Shape { kRound, kSquare };
constexpr auto enum_names(Shape) {
  return std::array{std::pair{Shape::kRound, "round"}, std::pair{Shape::kSquare, "square"}};
}

struct Inner {
  double weight = 0.1;
  Shape shape = Shape::kRound;
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("weight", self.weight, "how heavy");
    visitor("shape", self.shape, "which outline");
  }
  void validate() const {
    if (weight < 0) throw InputError("", "weight", "must be 0 or more");
  }
};

struct Outer {
  bool fast = true;
  std::int64_t num_steps = 16;
  std::string name = "plain";
  std::vector<double> rates{0.5, 0.25};
  std::vector<Shape> shapes{Shape::kSquare};
  Inner inner{};
  std::map<std::string, Inner> roles{};
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("fast", self.fast, "in a hurry");
    visitor("num_steps", self.num_steps, "how many");
    visitor("name", self.name, "what it is called");
    visitor("rates", self.rates, "one a stage");
    visitor("shapes", self.shapes, "allowed outlines");
    visitor("inner", self.inner, "a table");
    visitor("roles", self.roles, "a table a role");
  }
};

Outer read(const std::string& text) { return read_options<Outer>(toml::parse(text), "r.toml"); }
std::string rejection(const std::string& text) {
  return message_of<InputError>([&] { read(text); });
}

TEST(Options, AbsentKeysKeepTheirDefaults) {
  const Outer options = read("num_steps = 3\n[roles.caption]\nweight = 2");
  EXPECT_EQ(options.num_steps, 3);
  EXPECT_TRUE(options.fast);
  EXPECT_EQ(options.rates, (std::vector<double>{0.5, 0.25}));
  EXPECT_EQ(options.roles.at("caption").weight, 2.0);
  EXPECT_EQ(options.roles.at("caption").shape, Shape::kRound);
}

TEST(Options, RoundTripThroughTextKeepsEveryDigit) {
  Outer options;
  options.fast = false;
  options.name = "with \"quotes\" and \xc3\xa9";
  options.rates = {1.0 / 3.0, 1e-300, 3.0};
  options.shapes = {};
  options.inner = {0.1 + 0.2, Shape::kSquare};
  options.roles["picture"] = {7, Shape::kSquare};
  const std::string text = to_text(to_toml(options));
  const Outer again = read(text);
  EXPECT_EQ(again.rates, options.rates);
  EXPECT_EQ(again.inner.weight, options.inner.weight);
  EXPECT_EQ(again.inner.shape, Shape::kSquare);
  EXPECT_EQ(again.name, options.name);
  EXPECT_TRUE(again.shapes.empty());
  EXPECT_FALSE(again.fast);
  EXPECT_EQ(to_text(to_toml(again)), text);
}

TEST(Options, NumbersHaveNoMoreDigitsThanTellThemApart) {
  Outer options;
  options.rates = {0.95, -0.1, 1e-8, 3.0, 1.0 / 3.0};
  options.name = "0.94999999999999996 'and' \n\" 0.94999999999999996";
  options.inner.weight = 3e-3;
  const std::string text = to_text(to_toml(options));
  EXPECT_THAT(text, testing::HasSubstr("[ 0.95, -0.1, 1e-08, 3.0, 0.3333333333333333 ]"));
  EXPECT_THAT(text, testing::HasSubstr("weight = 0.003"));
  EXPECT_EQ(read(text).name, options.name);
  EXPECT_EQ(read(text).rates, options.rates);
}

TEST(Options, AnUnknownKeyIsNamedWithTheNearest) {
  EXPECT_EQ(rejection("num_stepz = 3"), "r.toml: num_stepz: unknown key; did you mean 'num_steps'?");
  EXPECT_EQ(rejection("[inner]\nwieght = 3.0"), "r.toml: inner.wieght: unknown key; did you mean 'weight'?");
  EXPECT_EQ(rejection("[roles.caption]\ncolour = 1"),
            "r.toml: roles.caption.colour: unknown key; valid: weight, shape");
}

TEST(Options, AWrongTypeIsNamedWithTheRightOne) {
  EXPECT_EQ(rejection("num_steps = 3.5"), "r.toml: num_steps: must be a whole number");
  EXPECT_EQ(rejection("num_steps = \"3\""), "r.toml: num_steps: must be a whole number");
  EXPECT_EQ(rejection("fast = 1"), "r.toml: fast: must be true or false");
  EXPECT_EQ(rejection("name = 1"), "r.toml: name: must be a string");
  EXPECT_EQ(rejection("rates = 1.0"), "r.toml: rates: must be a list");
  EXPECT_EQ(rejection("rates = [\"a\"]"), "r.toml: rates: must be a number");
  EXPECT_EQ(rejection("inner = 1"), "r.toml: inner: must be a table");
  EXPECT_EQ(rejection("roles = [1]"), "r.toml: roles: must be a table");
}

TEST(Options, AnEnumIsReadByNameAndAWholeNumberIsANumber) {
  EXPECT_EQ(read("[inner]\nshape = \"square\"").inner.shape, Shape::kSquare);
  EXPECT_EQ(read("[inner]\nweight = 3").inner.weight, 3.0);
  EXPECT_EQ(rejection("[inner]\nshape = \"sqare\""),
            "r.toml: inner.shape: unknown value 'sqare'; did you mean 'square'?");
}

TEST(Options, ABrokenRuleNamesFileTableAndKey) {
  EXPECT_EQ(rejection("[inner]\nweight = -1.0"), "r.toml: inner.weight: must be 0 or more");
}

Outer parse_flags(std::vector<std::string> arguments) {
  Outer options;
  CLI::App program;
  add_options(program, options);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  program.parse(arguments);
  return options;
}

TEST(CommandLine, FlagsAreSpelledWithDashes) {
  const Outer options = parse_flags({"--num-steps", "5", "--no-fast", "--inner-shape", "square", "--rates", "1", "2"});
  EXPECT_EQ(options.num_steps, 5);
  EXPECT_FALSE(options.fast);
  EXPECT_EQ(options.inner.shape, Shape::kSquare);
  EXPECT_EQ(options.rates, (std::vector<double>{1, 2}));
  EXPECT_TRUE(parse_flags({"--fast"}).fast);
  EXPECT_EQ(parse_flags({"--shapes", "round", "square"}).shapes, (std::vector{Shape::kRound, Shape::kSquare}));
}

TEST(CommandLine, WrongValuesAreRefused) {
  EXPECT_THROW(parse_flags({"--num-steps", "many"}), CLI::ParseError);
  EXPECT_THROW(parse_flags({"--num-stepz", "1"}), CLI::ParseError);
  EXPECT_EQ(message_of<InputError>([] {
              parse_flags({"--inner-shape", "squar"});
            }),
            "command line: --inner-shape: unknown value 'squar'; did you mean 'square'?");
}

}  // namespace
}  // namespace palimpsest
