#include "base/recipe.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/errors.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

// Recipes in a folder of the test's own.
class RecipeTest : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("PALIMPSEST_RECIPES", scratch_.path().c_str(), 1);
    scratch_.write("train/ground.toml",
                   "seed = 1\nlist = [1, 2, 3]\n[training]\nsteps = 10\nrate = 0.5\n[data]\nx = 1\n");
    scratch_.write("train/middle.toml", "base = \"ground\"\nlist = [4]\n[training]\nsteps = 20\n");
    scratch_.write("train/top.toml", "base = \"middle.toml\"\n[training]\nname = \"top\"\n");
  }
  void TearDown() override { ::unsetenv("PALIMPSEST_RECIPES"); }
  std::string rejection(const std::string& argument, const std::vector<std::string>& overrides = {}) const {
    std::string message = message_of<InputError>([&] { load_recipe(argument, "train", overrides); });
    for (std::size_t at; (at = message.find(scratch_.path().string())) != std::string::npos;) {
      message.replace(at, scratch_.path().string().size(), "ROOT");
    }
    return message;
  }
  ScratchFolder scratch_;
};

TEST_F(RecipeTest, InheritsThroughBases) {
  const Recipe recipe = load_recipe("top", "train");
  EXPECT_EQ(recipe.table["seed"].value<int>(), 1);
  EXPECT_EQ(recipe.table["training"]["steps"].value<int>(), 20);
  EXPECT_EQ(recipe.table["training"]["rate"].value<double>(), 0.5);
  EXPECT_EQ(recipe.table["training"]["name"].value<std::string>(), "top");
  EXPECT_EQ(recipe.table["list"].as_array()->size(), 1u);
  EXPECT_FALSE(recipe.table.contains("base"));
  EXPECT_EQ(recipe.file, (scratch_ / "train/top.toml").string());
}

TEST_F(RecipeTest, IsFoundByPathAsByName) {
  const Recipe by_path = load_recipe((scratch_ / "train/top.toml").string(), "evaluate");
  EXPECT_EQ(to_text(by_path.table), to_text(load_recipe("top", "train").table));
}

TEST_F(RecipeTest, OverridesComeLast) {
  const Recipe recipe =
      load_recipe("top", "train",
                  {"training.steps=7", "training.name=bare words", "training.rate=1e-3", "list=[9, 8]",
                   "new.deep.key=true", "training.quoted=\"a=b\"", "data.x=", "path=some/where.h5"});
  EXPECT_EQ(recipe.table["training"]["steps"].value<int>(), 7);
  EXPECT_EQ(recipe.table["training"]["name"].value<std::string>(), "bare words");
  EXPECT_EQ(recipe.table["training"]["rate"].value<double>(), 1e-3);
  EXPECT_EQ(recipe.table["list"][1].value<int>(), 8);
  EXPECT_EQ(recipe.table["new"]["deep"]["key"].value<bool>(), true);
  EXPECT_EQ(recipe.table["training"]["quoted"].value<std::string>(), "a=b");
  EXPECT_EQ(recipe.table["data"]["x"].value<std::string>(), "");
  EXPECT_EQ(recipe.table["path"].value<std::string>(), "some/where.h5");
}

TEST_F(RecipeTest, RefusesABrokenOverride) {
  EXPECT_EQ(rejection("top", {"training"}), "command line: training: an override is written table.key=value");
  EXPECT_EQ(rejection("top", {"=3"}), "command line: =3: an override is written table.key=value");
  EXPECT_EQ(rejection("top", {"seed.x=3"}), "command line: seed.x: 'seed' is not a table");
  EXPECT_EQ(rejection("top", {"a..b=3"}), "command line: a..b: a part of the key is empty");
  EXPECT_EQ(rejection("top", {"a.=3"}), "command line: a.: a part of the key is empty");
  EXPECT_TRUE(rejection("top", {"a=[1"}).starts_with("command line: a: "));
}

TEST_F(RecipeTest, AnOverrideIsOneValueWhateverItHolds) {
  const Recipe recipe = load_recipe("top", "train", {"training.name=1\nother = 2"});
  EXPECT_EQ(recipe.table["training"]["name"].value<std::string>(), "1\nother = 2");
  EXPECT_FALSE(recipe.table.contains("other"));
}

TEST_F(RecipeTest, NamesTheNearestRecipe) {
  EXPECT_EQ(rejection("midle"), "no recipe 'midle' in ROOT/train; did you mean 'middle'?");
  EXPECT_EQ(rejection("zzzzzz"), "no recipe 'zzzzzz' in ROOT/train; valid: ground, middle, top");
  EXPECT_EQ(rejection("nowhere/x.toml"), "nowhere/x.toml: no such file");
}

TEST_F(RecipeTest, RefusesAMissingBaseAndOneThatIncludesItself) {
  scratch_.write("train/orphan.toml", "base = \"grund\"");
  EXPECT_EQ(rejection("orphan"),
            "ROOT/train/orphan.toml: base: no recipe 'grund' in ROOT/train; did you mean 'ground'?");
  scratch_.write("train/one.toml", "base = \"two\"");
  scratch_.write("train/two.toml", "base = \"one\"");
  EXPECT_EQ(rejection("one"), "ROOT/train/one.toml: base: the recipe includes itself");
  scratch_.write("train/wrong.toml", "base = 3");
  EXPECT_EQ(rejection("wrong"), "ROOT/train/wrong.toml: base: must be a string");
}

TEST_F(RecipeTest, NamesLineAndColumnOfAMistake) {
  scratch_.write("train/broken.toml", "a = 1\n\nb = = 2\n");
  EXPECT_TRUE(rejection("broken").starts_with("ROOT/train/broken.toml: line 3, column 5: ")) << rejection("broken");
}

struct TrainingTable {
  std::int64_t steps = 1;
  double rate = 0;
  std::string name = "none";
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("steps", self.steps, "steps");
    visitor("rate", self.rate, "rate");
    visitor("name", self.name, "name");
  }
};

TEST_F(RecipeTest, GivesItsTablesAsOptions) {
  const Recipe recipe = load_recipe("top", "train");
  EXPECT_EQ(recipe_options<TrainingTable>(recipe, "training").steps, 20);
  EXPECT_EQ(recipe_options<TrainingTable>(recipe, "absent").name, "none");
}

TEST_F(RecipeTest, ErrorsShowTheLineOfTheFileThatSaysTheKey) {
  const std::string root = scratch_.path().string();
  const Recipe recipe = load_recipe("top", "train");
  const auto rejected = [](const Recipe& read, const char* table) {
    return message_of<InputError>([&] { recipe_options<TrainingTable>(read, table); });
  };
  EXPECT_EQ(rejected(recipe, "seed"), root + "/train/ground.toml:1: seed: must be a table\n  1 | seed = 1");
  EXPECT_EQ(rejected(recipe, "data"),
            root + "/train/ground.toml:7: data.x: unknown key; valid: steps, rate, name\n  7 | x = 1");
  scratch_.write("train/typo.toml", "base = \"top\"\n\n[training]\nstep = 3  # a slip\n");
  EXPECT_EQ(rejected(load_recipe("typo", "train"), "training"),
            root + "/train/typo.toml:4: training.step: unknown key; did you mean 'steps'?\n  4 | step = 3  # a slip");
  EXPECT_EQ(rejected(load_recipe("top", "train", {"training.stops=3"}), "training"),
            "command line: training.stops: unknown key; did you mean 'steps'?");
}

TEST_F(RecipeTest, ErrorsOfKeysThatNoFileSaysShowTheTableAround) {
  const Recipe recipe = load_recipe("top", "train");
  const InputError error = at_its_line(recipe, InputError(recipe.file, "training.absent.deep", "is missing"));
  EXPECT_EQ(error.file(), recipe.file + ":2");
  EXPECT_EQ(at_its_line(recipe, InputError("other.h5", "training", "is torn")).file(), "other.h5");
}

TEST(RecipeRoot, IsTheSourceTreesFolder) {
  EXPECT_EQ(std::filesystem::weakly_canonical(recipe_root()),
            std::filesystem::weakly_canonical(std::filesystem::path(PALIMPSEST_SOURCE_DIR) / "experiments/recipes"));
}

}  // namespace
}  // namespace palimpsest
