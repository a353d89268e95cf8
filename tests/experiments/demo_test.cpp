// The demo's script, from data to report with small settings: interrupted in every phase, and started again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "tests/experiments/small_emoji.h"
#include "tests/support/command.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int kInterrupted = 130;

class Demo : public testing::Test {
 protected:
  Demo() {
    save_tokenizers(folder);
    folder.write("keys/train.txt", first_keys("train", 48));
    folder.write("keys/unseen-concept.txt", first_keys("unseen-concept", 160));
    folder.write("recipes/prepare/emoji4.toml",
                 "base = '" + (kSource / "experiments/recipes/prepare/emoji4.toml").string() + "'\n[data]\nsource = '" +
                     (kSource / "datasets/bundled/emoji4/emoji4.tar.gz").string() +
                     "'\n[data.roles.picture]\nrows = 16\ncolumns = 16\nfit = 'crop'\n"
                     "[data.splits.train]\nkeys = 'keys/train.txt'\n"
                     "[data.splits.unseen-style]\nkeys = 'keys/train.txt'\n"
                     "[data.splits.unseen-concept]\nkeys = 'keys/unseen-concept.txt'\n"
                     "[data.splits.unseen-voice]\nkeys = 'keys/train.txt'\nvoices = ['slt']\n" +
                     tokenizer_tables());
    folder.write("recipes/train/emoji4.toml",
                 "base = '" + (kSource / "experiments/recipes/train/emoji4.toml").string() +
                     "'\n[data]\nvalidation = ['unseen-concept']\nvalidation_rows = 4\n"
                     "[canvas.roles.caption]\nbound = 80\n[canvas.roles.picture]\nbound = 4\n"
                     "[canvas.roles.speech]\nbound = 160\n"
                     "[backbone]\nwidth = 16\nlayers = 1\nheads = 2\nkey_value_heads = 2\n"
                     "digits = { image = [4, 4], audio = [4, 4] }\n"
                     "[training]\nbatch = 4\nwarmup_steps = 0\ncheckpoint_every = 1000000\n"
                     "[sampler]\nsteps = 2\n" +
                     tokenizer_tables());
  }

  static std::string tokenizer_tables() {
    std::string tables;
    for (const char* role : {"caption", "picture", "speech"}) {
      tables += std::string("[tokenizers.") + role + "]\npath = 'tokenizers/" + role + "'\n";
    }
    return tables;
  }
  static std::string command(const std::string& failpoint = "") {
    return "PALIMPSEST_RECIPES=recipes PALIMPSEST_PROGRAM='" PALIMPSEST_PROGRAM "' PALIMPSEST_FAILPOINT='" + failpoint +
           "' bash '" + (kSource / "experiments/demo.sh").string() +
           "' --seconds 3 -- --queries 32 --generated 32 --times 2 --show 2 --metrics picture-retrieval "
           "speech-to-caption --picture-splits unseen-concept --speech-splits unseen-concept";
  }
  void expect_killed_at(const std::string& failpoint) const {
    const CommandOutcome outcome = demo(failpoint);
    EXPECT_EQ(outcome.code, kKilled) << failpoint << ": " << outcome.err;
  }
  CommandOutcome demo(const std::string& failpoint = "") const { return run_command(folder, command(failpoint)); }

  ScratchFolder folder;
};

TEST_F(Demo, KilledOrInterruptedInAnyPhaseItGoesOnAndDoesNothingTwice) {
  expect_killed_at("prepare.after_shard:1");
  expect_killed_at("train.after_step:5");
  const std::string steps = folder.read("runs/demo/recipe.toml");

  // A signal to the script alone, while it trains.
  const pid_t script = start_command(folder, command());
  const fs::path log = folder / "runs/demo/log.jsonl";
  const auto before = fs::last_write_time(log);
  int status = 0;
  while (fs::last_write_time(log) == before) {
    ASSERT_EQ(waitpid(script, &status, WNOHANG), 0) << "ended before it trained: " << folder.read("err.txt");
    std::this_thread::yield();
  }
  kill(script, SIGTERM);
  const CommandOutcome interrupted = finish_command(folder, script);
  EXPECT_EQ(interrupted.code, kInterrupted) << interrupted.err;
  EXPECT_THAT(interrupted.out, HasSubstr("goes on from here"));

  expect_killed_at("directory.before_rename:5");  // training makes one, the report eight
  const CommandOutcome whole = demo();
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(folder.read("runs/demo/recipe.toml"), steps);
  EXPECT_THAT(whole.out, HasSubstr("caption for a picture"));
  EXPECT_THAT(whole.err, HasSubstr("report   runs/demo/report.html"));
  const std::string report = folder.read("runs/demo/report.html"), scores = folder.read("runs/demo/scores.json");
  const auto made = fs::last_write_time(folder / "runs/demo/samples/this-run/caption-to-picture/exhibit.json");

  const CommandOutcome again = demo();
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("was there already"));
  EXPECT_THAT(again.err, HasSubstr("nothing to do"));
  EXPECT_EQ(folder.read("runs/demo/report.html"), report);
  EXPECT_EQ(folder.read("runs/demo/scores.json"), scores);
  EXPECT_EQ(fs::last_write_time(folder / "runs/demo/samples/this-run/caption-to-picture/exhibit.json"), made);
}

TEST_F(Demo, WrongArgumentsAreRefusedBeforeAnythingIsDone) {
  const std::string script = "bash '" + (kSource / "experiments/demo.sh").string() + "' ";
  for (const auto& [arguments, message] : std::map<std::string, std::string>{{"--seconds ten", "whole number"},
                                                                             {"--seconds", "needs a value"},
                                                                             {"--run ../elsewhere", "must be a name"},
                                                                             {"--fast", "unknown argument '--fast'"}}) {
    const CommandOutcome outcome = run_command(folder, script + arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
  }
  EXPECT_FALSE(fs::exists(folder / "runs"));
}

}  // namespace
}  // namespace palimpsest::test
