// Training on rows that documents share.
#include "tests/experiments/training/tiny_run.h"

namespace palimpsest {
namespace {

class PackedTraining : public testing::Test {
 protected:
  // Texts of the same length, so that roles are full whether packed or not.
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    std::filesystem::remove_all(tiny_->folder / "media");
    for (int number = 10; number < 34; ++number) {
      const std::string name = "media/" + std::to_string(number);
      tiny_->folder.write(name + ".txt", "number " + std::to_string(number));
      tiny_->folder.write(name + ".title", "no. " + std::to_string(number % 7));
    }
    const std::string bpe =
        "train bpe.toml --run ./runs/bpe --export runs/bpe/tokenizer tokenizer.options.vocabulary=256";
    ASSERT_EQ(tiny_->run(bpe).code, 0);
    ASSERT_EQ(tiny_->run("prepare prepare.toml --out shards prepare.rows_per_group=5 prepare.compression=deflate").code,
              0);
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static CommandOutcome train(const std::string& name, const std::string& more) {
    return tiny_->run("train backbone.toml --run ./runs/" + name +
                      " canvas.roles.caption.elastic=false canvas.roles.caption.bound=9 "
                      "canvas.roles.title.elastic=false canvas.roles.title.bound=5 training.steps=6 training.batch=8 "
                      "training.log_every=1 " +
                      more);
  }
  static void expect_same_learning(const std::string& one, const std::string& other) {
    const auto ours = tiny_->log(one), theirs = tiny_->log(other);
    ASSERT_EQ(ours.size(), theirs.size());
    ASSERT_GE(ours.size(), 6u);
    for (std::size_t line = 0; line < ours.size(); ++line) {
      const auto a = nlohmann::json::parse(ours[line]), b = nlohmann::json::parse(theirs[line]);
      if (!a.contains("loss")) continue;
      EXPECT_NEAR(a.at("loss").get<double>(), b.at("loss").get<double>(), 2e-3) << line;
      EXPECT_NEAR(a.at("gradient_norm").get<double>(), b.at("gradient_norm").get<double>(), 1e-2) << line;
    }
  }

  static inline TinyRun* tiny_ = nullptr;
};

// The same documents, noise and times: rows of their own and rows of 30 that two documents of 14 share.
TEST_F(PackedTraining, DocumentsThatShareRowsLearnAsThoseOfARowEach) {
  ASSERT_EQ(train("rows", "").code, 0);
  ASSERT_EQ(train("packed", "canvas.packed=30").code, 0);
  expect_same_learning("rows", "packed");
  ASSERT_EQ(train("parts", "canvas.packed=30 training.micro_batches=2").code, 0);
  expect_same_learning("rows", "parts");
}

TEST_F(PackedTraining, ARowMustHoldAWholeDocument) {
  const CommandOutcome outcome = train("short", "canvas.packed=13");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("canvas.packed: must be 0 or at least the 14 positions of a whole document"),
            std::string::npos)
      << outcome.err;
}

}  // namespace
}  // namespace palimpsest
