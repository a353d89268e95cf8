// The train command as people run it: whole processes, killed and started again.
#include <signal.h>

#include <set>
#include <sstream>
#include <thread>

#include "backbone/diffusion/diffusion_options.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "experiments/training/checkpoint.h"
#include "tests/experiments/training/tiny_run.h"
#include "tests/support/command.h"

namespace palimpsest {
namespace {

class TrainCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    tiny_->make_shards();
    whole_ = tiny_->run("train backbone.toml --run ./runs/whole");
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static const TinyRun& tiny() { return *tiny_; }
  static std::filesystem::path run_path(const std::string& name) { return tiny_->folder / ("runs/" + name); }
  static std::string model(const std::string& name) {
    return read_file(checkpoint_path(run_path(name), 20) / "model.safetensors");
  }

  static inline TinyRun* tiny_ = nullptr;
  static inline CommandOutcome whole_;
};

TEST_F(TrainCommand, TrainsLogsAndLeavesACheckpointThatHoldsItsTokenizers) {
  ASSERT_EQ(whole_.code, 0) << whole_.err;
  const std::filesystem::path checkpoint = checkpoint_path(run_path("whole"), 20);
  EXPECT_EQ(checkpoint_damage(checkpoint), "");
  for (const char* name : {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "recipe.toml", "state.json",
                           "tokenizers/caption/tokenizer.json", "tokenizers/title/tokenizer.json"}) {
    EXPECT_TRUE(std::filesystem::exists(checkpoint / name)) << name;
  }
  const auto last = nlohmann::json::parse(tiny().log("whole").back());
  EXPECT_TRUE(last.at("validation").contains("held-out/text"));
}

TEST_F(TrainCommand, TheSameRunTwiceIsBitwiseTheSame) {
  ASSERT_EQ(tiny().run("train backbone.toml --run ./runs/again").code, 0);
  EXPECT_EQ(tiny().log("again"), tiny().log("whole"));
  EXPECT_EQ(model("again"), model("whole"));
}

TEST_F(TrainCommand, KilledAnywhereAndStartedAgainItGivesTheLossesOfTheUndisturbedRun) {
  for (const std::string point : {"train.after_step:1", "train.after_step:11", "checkpoint.begin:1",
                                  "checkpoint.middle:2", "checkpoint.before_commit:3", "checkpoint.after_commit:2",
                                  "directory.before_rename:2", "file.before_rename:9"}) {
    std::string name = "killed-" + point;
    std::replace(name.begin(), name.end(), ':', '-');
    const std::string command = "train backbone.toml --run ./runs/" + name;
    ASSERT_EQ(tiny().run(command, "PALIMPSEST_FAILPOINT=" + point).code, kKilled) << point;
    const CommandOutcome resumed = tiny().run(command);
    ASSERT_EQ(resumed.code, 0) << point << ": " << resumed.err;
    EXPECT_EQ(tiny().log(name), tiny().log("whole")) << point;
    EXPECT_EQ(model(name), model("whole")) << point;
  }
}

// A set of captions alone is enough for steps that see nothing else.
TEST_F(TrainCommand, ARoleSetMayHaveSamplesOfItsOwn) {
  tiny().folder.write("lines.txt", "red fish\ngreen fish\nblue fish\n");
  tiny().folder.write("lines.toml",
                      "[data]\nsource = 'lines.txt'\n[data.roles.caption]\nkind = 'text'\nmembers = ['txt']\n"
                      "[data.splits.train]\n[tokenizers.caption]\npath = 'runs/bpe/tokenizer'\n");
  ASSERT_EQ(tiny().run("prepare lines.toml --out lines").code, 0);
  const std::string sets =
      " --steps 4 data.role_sets.all.roles='[\"caption\",\"title\"]' data.role_sets.more.roles='[\"caption\"]'"
      " data.role_sets.more.directory=";
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/lines" + sets + "lines");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(tiny().log("lines"), tiny().log("whole"));
  const CommandOutcome lacking = tiny().run(
      "train backbone.toml --run ./runs/lacking data.role_sets.more.roles='[\"title\"]'"
      " data.role_sets.more.directory=lines");
  EXPECT_EQ(lacking.code, 2);
  EXPECT_NE(lacking.err.find("title: the shards hold no such role"), std::string::npos) << lacking.err;
}

// Every choice of [diffusion] is reached from a recipe, and its model is validated by the same bound as the others.
TEST_F(TrainCommand, TrainsUnderEveryChoiceOfNoiseAndObjective) {
  std::vector<std::string> choices{"process.kind=uniform backbone.time_conditioning=true",
                                   "process.kind=interpolated diffusion.process.uniform_share=0.2",
                                   "process.kind=uniform diffusion.objective.kind=score-entropy",
                                   "objective.kind=score-entropy",
                                   "objective.kind=simplified diffusion.objective.focal=2",
                                   "objective.kind=snr-clipped diffusion.objective.clip=2",
                                   "complementary=true",
                                   "times.density=[1.0,2.0,1.0]",
                                   "normalisation=per-token",
                                   "given_odds.title=3 diffusion.conditional=1"};
  for (const std::string& kind : enum_choices<ScheduleKind>()) choices.push_back("schedule.kind=" + kind);
  for (const std::string& draw : enum_choices<TimeDraw>()) choices.push_back("times.draw=" + draw);
  for (const std::string& owner : enum_choices<TimeCoupling>()) choices.push_back("times.one_per=" + owner);
  for (const std::string& pattern : enum_choices<PatternKind>()) {
    if (pattern != "objects") choices.push_back("patterns." + pattern + ".weight=1");
  }
  for (const std::string& choice : choices) {
    const std::string name = "choice-" + hash64_hex(choice);
    const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/" + name +
                                              " --steps 2 training.warmup_steps=1 diffusion." + choice);
    ASSERT_EQ(outcome.code, 0) << choice << ": " << outcome.err;
    const auto last = nlohmann::json::parse(tiny().log(name).back());
    EXPECT_GT(last.at("validation").at("held-out/text").get<double>(), 0) << choice;
  }
}

TEST_F(TrainCommand, NoiseThatItsDataOrBatchCannotHaveIsRefused) {
  const CommandOutcome objects =
      tiny().run("train backbone.toml --run ./runs/objects diffusion.patterns.objects.weight=1");
  EXPECT_EQ(objects.code, 2);
  EXPECT_NE(objects.err.find("objects"), std::string::npos) << objects.err;
  const CommandOutcome odd =
      tiny().run("train backbone.toml --run ./runs/odd diffusion.complementary=true training.batch=3");
  EXPECT_EQ(odd.code, 2);
  EXPECT_NE(odd.err.find("training.batch: must be even"), std::string::npos) << odd.err;
}

TEST_F(TrainCommand, UnknownRolesInGivenOddsAreRefusedByName) {
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/odds diffusion.given_odds.captoin=2");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("did you mean 'caption'"), std::string::npos) << outcome.err;
}

TEST_F(TrainCommand, AFinishedRunDoesNothingAndSaysSo) {
  const std::string before = tiny().folder.read("runs/whole/log.jsonl");
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/whole");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("nothing to do"), std::string::npos) << outcome.err;
  EXPECT_EQ(tiny().folder.read("runs/whole/log.jsonl"), before);
}

TEST_F(TrainCommand, AChangedRecipeIsRefusedByName) {
  const std::string before = tiny().folder.read("runs/whole/recipe.toml");
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/whole training.learning_rate=0.5");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("training.learning_rate: 0.001 there, 0.5 here"), std::string::npos) << outcome.err;
  EXPECT_EQ(tiny().folder.read("runs/whole/recipe.toml"), before);
}

TEST_F(TrainCommand, AChangedRecipeIsFollowedWhenTheWordIsSaid) {
  const std::string command = "train backbone.toml --run ./runs/changed training.log_every=1 ";
  ASSERT_EQ(tiny().run(command + "training.steps=8 training.checkpoint_every=4").code, 0);
  const CommandOutcome silent = tiny().run(command + "training.steps=12 training.checkpoint_every=4");
  EXPECT_EQ(silent.code, 2);
  EXPECT_NE(silent.err.find("training.steps: 8 there, 12 here); --accept-changes"), std::string::npos) << silent.err;
  const CommandOutcome fixed = tiny().run(command + "training.steps=8 backbone.width=32 --accept-changes");
  EXPECT_EQ(fixed.code, 2);
  EXPECT_NE(fixed.err.find("a run cannot change what its net and its tokens are (backbone.width: 16 there, 32 here)"),
            std::string::npos)
      << fixed.err;
  const std::string old = tiny().folder.read("runs/changed/recipe.toml");
  const CommandOutcome accepted =
      tiny().run(command + "training.steps=12 training.checkpoint_every=4 --accept-changes");
  ASSERT_EQ(accepted.code, 0) << accepted.err;
  EXPECT_TRUE(std::filesystem::exists(checkpoint_path(run_path("changed"), 12)));
  EXPECT_EQ(tiny().folder.read("runs/changed/recipe-until-8.toml"), old);
  EXPECT_EQ(tiny().run(command + "training.steps=12 training.checkpoint_every=4").code, 0);
}

// As a program wrote it that did not know the keys yet; the names of keys begin lines.
std::string without_keys(const std::string& recipe, const std::set<std::string>& keys) {
  std::istringstream text(recipe);
  std::string kept;
  for (std::string line; std::getline(text, line);) {
    if (!keys.contains(line.substr(0, line.find(' ')))) kept += line + "\n";
  }
  return kept;
}

TEST_F(TrainCommand, ARunThatIsOlderThanSomeKeysGoesOn) {
  const std::string command = "train backbone.toml --run ./runs/older";
  ASSERT_EQ(tiny().run(command, "PALIMPSEST_FAILPOINT=train.after_step:9").code, kKilled);
  const std::string now = tiny().folder.read("runs/older/recipe.toml"),
                    then = without_keys(now, {"memory_budget", "energy_price", "give_up_after", "freeze"});
  ASSERT_EQ(std::count(now.begin(), now.end(), '\n') - std::count(then.begin(), then.end(), '\n'), 4) << now;
  tiny().folder.write("runs/older/recipe.toml", then);
  const CommandOutcome changed = tiny().run(command + " training.give_up_after=7");
  EXPECT_EQ(changed.code, 2);
  EXPECT_NE(changed.err.find("training.give_up_after: 100 there, 7 here"), std::string::npos) << changed.err;
  const CommandOutcome resumed = tiny().run(command);
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(tiny().log("older"), tiny().log("whole"));
  EXPECT_EQ(model("older"), model("whole"));
}

TEST_F(TrainCommand, MemoryThatIsNotThereIsSaidWithWhatToLower) {
  const CommandOutcome outcome =
      tiny().run("train backbone.toml --run ./runs/large backbone.width=32768", "prlimit --as=4000000000");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("out of memory: making the net wanted "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("lower training.batch (4), raise training.micro_batches (1)"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(run_path("large")));
}

TEST_F(TrainCommand, AFullDiskEndsTheRunWithOneLineAndTheCheckpointBeforeIt) {
  const std::string command = "train backbone.toml --run ./runs/full";
  const CommandOutcome outcome = tiny().run(command, "PALIMPSEST_FAILPOINT=directory.before_rename:2:full");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("No space left on device"), std::string::npos) << outcome.err;
  ASSERT_EQ(tiny().run(command).code, 0);
  EXPECT_EQ(tiny().log("full"), tiny().log("whole"));
}

TEST_F(TrainCommand, AFolderThatCannotBeWrittenIsNamed) {
  tiny().folder.write("plain", "a file where a folder should be");
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./plain/run");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("plain/run: "), std::string::npos) << outcome.err;
}

TEST_F(TrainCommand, UnknownTablesAndKeysAreRefusedWithTheNearest) {
  const CommandOutcome table = tiny().run("train backbone.toml --run ./runs/new trainin.steps=3");
  EXPECT_EQ(table.code, 2);
  EXPECT_NE(table.err.find("did you mean 'training'"), std::string::npos) << table.err;
  const CommandOutcome key = tiny().run("train backbone.toml --run ./runs/new training.step=3");
  EXPECT_EQ(key.code, 2);
  EXPECT_NE(key.err.find("training.step: unknown key; did you mean 'steps'"), std::string::npos) << key.err;
  EXPECT_FALSE(std::filesystem::exists(run_path("new")));
}

TEST_F(TrainCommand, ADryRunTellsThePlanAndWritesNothing) {
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/dry --dry-run --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto plan = nlohmann::json::parse(outcome.out);
  EXPECT_GT(plan.at("parameters").get<std::int64_t>(), 0);
  EXPECT_EQ(plan.at("units_a_step").at("tokens"), 4 * 20);
  EXPECT_GT(plan.at("flops_a_step").get<double>(), 0.0);
  EXPECT_FALSE(std::filesystem::exists(run_path("dry")));
}

TEST_F(TrainCommand, FittedStepsAreWrittenDownAndKept) {
  const std::string command =
      "train backbone.toml --run ./runs/fit --fit-seconds 2 training.checkpoint_every=5 training.warmup_steps=0";
  ASSERT_EQ(tiny().run(command, "PALIMPSEST_FAILPOINT=checkpoint.after_commit:1").code, kKilled);
  const std::string recipe = tiny().folder.read("runs/fit/recipe.toml");
  const CommandOutcome resumed = tiny().run(command);
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(tiny().folder.read("runs/fit/recipe.toml"), recipe);
}

TEST_F(TrainCommand, MicroBatchesGiveTheLossOfTheWholeBatch) {
  ASSERT_EQ(tiny().run("train backbone.toml --run ./runs/micro training.micro_batches=2").code, 0);
  const auto whole = nlohmann::json::parse(tiny().log("whole").front());
  const auto parts = nlohmann::json::parse(tiny().log("micro").front());
  EXPECT_NEAR(parts.at("loss").get<double>(), whole.at("loss").get<double>(), 1e-4);
  EXPECT_NEAR(parts.at("gradient_norm").get<double>(), whole.at("gradient_norm").get<double>(), 1e-4);
}

TEST_F(TrainCommand, AStrangersTokenizerIsRefusedByName) {
  ASSERT_EQ(tiny()
                .run("train bpe.toml --run ./runs/other --export runs/other/tokenizer tokenizer.options.vocabulary=270")
                .code,
            0);
  const CommandOutcome outcome = tiny().run(
      "train backbone.toml --run ./runs/new tokenizers.title.path=runs/other/tokenizer "
      "tokenizers.caption.path=runs/other/tokenizer");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("caption: the shards were made by tokenizer"), std::string::npos) << outcome.err;
}

TEST_F(TrainCommand, ExportsTheAverageInBfloat16) {
  ASSERT_EQ(tiny().run("train backbone.toml --run ./runs/whole --export shipped/tiny").code, 0);
  const auto shipped = read_safetensors(tiny().folder / "shipped/tiny/model.safetensors").tensors;
  const auto average = read_checkpoint(checkpoint_path(run_path("whole"), 20)).average;
  ASSERT_EQ(shipped.size(), average.size());
  for (const auto& [name, value] : shipped) EXPECT_TRUE(at::equal(value, average.at(name).to(at::kBFloat16))) << name;
  EXPECT_TRUE(std::filesystem::exists(tiny().folder / "shipped/tiny/tokenizers/title/tokenizer.json"));
  EXPECT_FALSE(std::filesystem::exists(tiny().folder / "shipped/tiny/optimizer.safetensors"));
}

// With rates of next to nothing a step changes nothing: the run still holds what it started from, until it has its own
// checkpoint.
TEST_F(TrainCommand, StartsFromAnothersWeights) {
  const std::string command =
      "train backbone.toml --run ./runs/second training.start_from=runs/whole training.steps=2 training.warmup_steps=0 "
      "training.ema=0 training.learning_rate=1e-30 training.muon_learning_rate=1e-30";
  const CommandOutcome outcome = tiny().run(command);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto first = read_checkpoint(checkpoint_path(run_path("whole"), 20)).average;
  const auto second = read_checkpoint(checkpoint_path(run_path("second"), 2)).model;
  for (const auto& [name, value] : first) EXPECT_TRUE(at::equal(value, second.at(name))) << name;
  const CommandOutcome nowhere = tiny().run("train backbone.toml --run ./runs/third training.start_from=runs/whol");
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_NE(nowhere.err.find("runs/whol"), std::string::npos) << nowhere.err;
  EXPECT_FALSE(std::filesystem::exists(run_path("third") / "checkpoints"));
}

TEST_F(TrainCommand, ASignalSavesLeavesWith130AndTheRunGoesOn) {
  const std::string arguments = "train backbone.toml --run ./runs/signalled training.log_every=1 training.steps=400";
  ASSERT_EQ(tiny().run("train backbone.toml --run ./runs/calm training.log_every=1 training.steps=400").code, 0);
  const pid_t child = tiny().start(arguments);
  const std::filesystem::path log = run_path("signalled") / "log.jsonl";
  int status = 0;
  while (!std::filesystem::exists(log) || std::filesystem::file_size(log) == 0) {
    ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "ended before its first line";
    std::this_thread::yield();
  }
  kill(child, SIGTERM);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  ASSERT_TRUE(newest_checkpoint(run_path("signalled")).has_value());
  ASSERT_EQ(tiny().run(arguments).code, 0);
  EXPECT_EQ(tiny().log("signalled"), tiny().log("calm"));
}

}  // namespace
}  // namespace palimpsest
