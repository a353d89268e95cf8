// A curriculum over resolutions: stages whose pictures are other shards, of another size.
#include <gtest/gtest.h>

#include "experiments/training/task_factory.h"
#include "modalities/media/files.h"
#include "tests/experiments/training/tiny_run.h"
#include "tests/tokenizers/untrained.h"

namespace palimpsest {
namespace {

constexpr std::int64_t kCaption = 6, kLarge = 4, kSmall = 1;  // ids of a caption, of 16x16 pixels and of 8x8

class Resolutions : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    const ScratchFolder& folder = tiny_->folder;
    std::filesystem::remove_all(folder / "media");
    test::save_untrained_tokenizers(folder / "tokenizers");
    for (int number = 10; number < 34; ++number) {
      const std::string stem = "media/" + std::to_string(number);
      folder.write(stem + ".txt", "no. " + std::to_string(number));
      const at::Tensor shades = uniform_picture(number);
      save_media(Image{shades}, folder / stem);
    }
    folder.write(
        "pages.toml",
        tokenizer_tables() +
            "[data]\nsource = 'media'\n"
            "[data.roles.caption]\nkind = 'text'\nmembers = ['txt']\n"
            "[data.roles.picture]\nkind = 'image'\nmembers = ['png']\nrows = 16\ncolumns = 16\nfit = 'stretch'\n"
            "[data.splits.train]\nfrom = 0.0\nto = 0.7\n"
            "[data.splits.held-out]\nfrom = 0.7\nto = 1.0\n");
    folder.write("grow.toml", recipe(folder));
    const std::string small = " data.roles.picture.rows=8 data.roles.picture.columns=8";
    for (const std::string& settings : {std::string("large"), "small" + small}) {
      const CommandOutcome prepared = tiny_->run("prepare pages.toml --out shards-" + settings);
      ASSERT_EQ(prepared.code, 0) << prepared.err;
    }
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static at::Tensor uniform_picture(int number) {
    const auto key = RandomKey::root(static_cast<std::uint64_t>(number));
    return (at::sigmoid(normal(key, {16, 16, 3})) * 255).to(at::kByte);
  }
  static std::string tokenizer_tables(const std::string& root = "") {
    return "[tokenizers.caption]\npath = '" + root + "tokenizers/caption'\n[tokenizers.picture]\npath = '" + root +
           "tokenizers/picture'\n";
  }
  // Small pictures from the second step on, large ones again from the tenth.
  static std::string recipe(const ScratchFolder& folder) {
    const std::string root = folder.path().string() + "/";
    return "kind = 'backbone'\n" + tokenizer_tables(root) + "[data]\ndirectory = '" + root +
           "shards-large'\nvalidation = ['held-out']\n[canvas]\norder = ['caption', 'picture']\n"
           "[canvas.roles.caption]\nbound = 6\n[canvas.roles.picture]\nbound = 4\n"
           "[backbone]\nwidth = 16\nlayers = 1\nheads = 2\nkey_value_heads = 1\ndigits = { image = [4, 4] }\n"
           "[training]\nsteps = 14\nbatch = 4\noptimizer = 'adamw'\ncheckpoint_every = 6\nvalidate_every = 0\n"
           "log_every = 1\n"
           "[[curriculum]]\nfrom = 1\ndata.directory = '" +
           root +
           "shards-small'\ncanvas.roles.picture.bound = 1\n"
           "[[curriculum]]\nfrom = 9\ndata.directory = '" +
           root + "shards-large'\ncanvas.roles.picture.bound = 4\n";
  }
  static CommandOutcome train(const std::string& name, const std::string& more, const std::string& environment = "") {
    return tiny_->run("train grow.toml --run ./runs/" + name + " " + more, environment);
  }

  static inline TinyRun* tiny_ = nullptr;
};

TEST_F(Resolutions, CanvasesAreAsLongAsTheStagesPictures) {
  const Recipe recipe = load_recipe((tiny_->folder / "grow.toml").string(), "train");
  const auto task = make_task(basic_task_makers(), {recipe, recipe_options<TrainingOptions>(recipe, "training"), {}});
  for (const std::int64_t step : {0, 1, 8, 9, 13}) {
    const std::int64_t picture = step >= 1 && step < 9 ? kSmall : kLarge;
    const at::Tensor ids_BL = task->content({step, 0}).tensors.at("clean_tokens_BL");
    EXPECT_EQ(ids_BL.sizes(), at::IntArrayRef({4, kCaption + picture})) << step;
  }
  // Steps 0 and 9 to 13 have large pictures.
  EXPECT_NEAR(task->units_a_step().at("tokens"), 4 * (kCaption + (6.0 * kLarge + 8.0 * kSmall) / 14), 1e-9);
}

// Killed in either stage: the steps on both sides of a border are those of an undisturbed run.
TEST_F(Resolutions, ARunGoesOnAcrossTheBordersBitwise) {
  const CommandOutcome calm = train("calm", "");
  ASSERT_EQ(calm.code, 0) << calm.err;
  ASSERT_EQ(tiny_->log("calm").size(), 15u);  // a line a step, and the validation at the end
  for (const int step : {8, 11}) {
    const std::string name = "killed-" + std::to_string(step);
    ASSERT_EQ(train(name, "", "PALIMPSEST_FAILPOINT=train.after_step:" + std::to_string(step)).code, kKilled);
    ASSERT_EQ(train(name, "").code, 0);
    EXPECT_EQ(tiny_->log(name), tiny_->log("calm")) << step;
  }
}

// Shards of large pictures in a stage for small ones.
TEST_F(Resolutions, PicturesOfAnotherSizeAreRefused) {
  tiny_->folder.write("wrong.toml", "base = 'grow.toml'\n[[curriculum]]\nfrom = 1\ncanvas.roles.picture.bound = 1\n");
  const CommandOutcome outcome = tiny_->run("train wrong.toml --run ./runs/wrong");
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find("shards-large (train): no row is as short as the canvas of this stage"), std::string::npos)
      << outcome.err;
}

}  // namespace
}  // namespace palimpsest
