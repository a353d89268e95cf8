// Several processes that train one run: their losses, what ends them, how the run goes on.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <thread>

#include "base/safetensors.h"
#include "experiments/training/exchange.h"
#include "experiments/training/trainer.h"
#include "tests/experiments/training/tiny_run.h"
#include "tests/experiments/training/toy_task.h"
#include "tests/support/ranks.h"

namespace palimpsest {
namespace {

// Three parameters; which of them a process uses depends on its rank.
ParameterSet ranked_parameters() {
  ParameterSet parameters;
  for (const char* name : {"one", "two", "three"}) parameters.add(name, at::arange(4).to(at::kFloat));
  return parameters;
}

TEST(GradientBuckets, SumWhatEachProcessHasAndLeaveWhatNobodyHas) {
  const auto statuses = run_ranks(2, [](Peers& peers) {
    for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{20}, GradientBuckets::kBucketBytes}) {
      const ParameterSet parameters = ranked_parameters();
      GradientBuckets buckets(parameters, peers, bytes);
      const auto& items = parameters.items();
      for (std::int64_t round = 0; round < 2; ++round) {  // the buckets' memory is used again
        for (const auto& [name, parameter] : items) parameter.mutable_grad() = at::Tensor();
        const double rank = static_cast<double>(peers.rank());
        (items[0].second * (rank + 1)).sum().backward();  // an earlier micro-batch
        buckets.begin();
        (items[0].second * 10 + (peers.first() ? items[1].second * 5 : at::zeros({4}))).sum().backward();
        buckets.finish();
        require(at::equal(items[0].second.grad(), at::full({4}, 23.0)), "sum of both processes and both passes");
        require(at::equal(items[1].second.grad(), at::full({4}, 5.0)), "gradient of one process");
        require(!items[2].second.grad().defined(), "no gradient where nobody has one");
      }
    }
  });
  EXPECT_EQ(statuses, std::vector<int>(2));
}

TEST(Exchange, DealsOutSharesAndCollects) {
  const auto statuses = run_ranks(3, [](Peers& peers) {
    const ParameterSet parameters = ranked_parameters();
    Exchange exchange(parameters, peers, true);
    require(exchange.own().items().size() == 1, "one parameter each");
    const auto& [name, tensor] = exchange.own().items().front();
    tensor.detach().fill_(static_cast<double>(peers.rank()));
    exchange.share_parameters();
    double sum = 0;
    for (const auto& [any, value] : parameters.items()) sum += value.detach().sum().item<double>();
    require(sum == 4 * (0 + 1 + 2), "everyone's parameters everywhere");
    const auto states = exchange.collect({{"state." + name, tensor.detach()}});
    require(states.size() == (peers.first() ? 3u : 1u), "all states in the first process");
    const auto figures = exchange.sum({{"all", 1.0}, {"of-" + std::to_string(peers.rank()), 0.5}});
    require(figures.size() == 4 && figures.at("all") == 3 && figures.at("of-1") == 0.5, "figures of any names");
  });
  EXPECT_EQ(statuses, std::vector<int>(3));
}

TrainingOptions shared_options() {
  TrainingOptions options;
  options.steps = 20;
  options.batch = 12;
  options.learning_rate = 0.01;
  options.log_every = 1;
  options.checkpoint_every = 10;
  return options;
}

// Trains the toy in as many processes as `peers` has.
void train_shared(Peers& peers, const std::filesystem::path& run, TrainingOptions options) {
  std::filesystem::create_directories(run);
  TrainingOptions of_task = options;
  of_task.micro_batches *= peers.size();
  ToyTask task(of_task);
  RunPlace place{run, "kind = 'toy'\n"};
  place.peers = std::shared_ptr<Peers>(&peers, [](Peers*) {});
  Trainer(task, options, place).train();
}

std::vector<double> losses_of(const std::filesystem::path& run) {
  std::istringstream text(read_file(run / "log.jsonl"));
  std::vector<double> losses;
  for (std::string line; std::getline(text, line);) {
    const nlohmann::json parsed = nlohmann::json::parse(line);
    if (parsed.contains("loss")) losses.push_back(parsed["loss"]);
  }
  return losses;
}

std::map<std::string, std::string> state_of(const std::filesystem::path& run) {
  std::map<std::string, std::string> files;
  for (const char* name : {"model", "ema", "optimizer"}) {
    files[name] = read_file(*newest_checkpoint(run) / (std::string(name) + ".safetensors"));
  }
  return files;
}

void train_alone(const std::filesystem::path& run, const TrainingOptions& options) {
  Peers alone;
  train_shared(alone, run, options);
}

// Two processes add the same two numbers that one process adds over two micro-batches: nothing may differ.
TEST(DistributedTraining, TwoProcessesGiveTheBitsOfTwoMicroBatches) {
  const ScratchFolder scratch;
  TrainingOptions parts = shared_options();
  parts.micro_batches = 2;
  train_alone(scratch / "alone", parts);
  for (const bool shard : {false, true}) {
    TrainingOptions options = shared_options();
    options.shard_optimizer = shard;
    const std::filesystem::path run = scratch / (shard ? "sharded" : "whole");
    EXPECT_EQ(run_ranks(2, [&](Peers& peers) { train_shared(peers, run, options); }), std::vector<int>(2));
    EXPECT_EQ(losses_of(run), losses_of(scratch / "alone"));
    EXPECT_EQ(state_of(run), state_of(scratch / "alone"));
  }
}

TEST(DistributedTraining, AnyNumberOfProcessesGivesTheLossesOfOne) {
  const ScratchFolder scratch;
  train_alone(scratch / "alone", shared_options());
  const std::vector<double> expected = losses_of(scratch / "alone");
  ASSERT_EQ(expected.size(), 20u);
  for (const std::int64_t count : {2, 3, 4}) {
    const std::filesystem::path run = scratch / std::to_string(count);
    run_ranks(count, [&](Peers& peers) { train_shared(peers, run, shared_options()); });
    const std::vector<double> losses = losses_of(run);
    ASSERT_EQ(losses.size(), 20u) << count;
    for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(losses[i] / expected[i], 1, 1e-6) << count << " at " << i;
  }
}

TEST(DistributedTraining, ACheckpointOfAnyNumberIsTakenUpByAnyOther) {
  const ScratchFolder scratch;
  train_alone(scratch / "alone", shared_options());
  const std::vector<double> expected = losses_of(scratch / "alone");
  TrainingOptions half = shared_options();
  half.steps = 10;
  const std::vector<std::pair<std::int64_t, std::int64_t>> changes{{1, 2}, {2, 1}, {2, 3}};
  for (const auto& [before, after] : changes) {
    const std::filesystem::path run = scratch / (std::to_string(before) + "-" + std::to_string(after));
    run_ranks(before, [&](Peers& peers) { train_shared(peers, run, half); });
    run_ranks(after, [&](Peers& peers) { train_shared(peers, run, shared_options()); });
    const std::vector<double> losses = losses_of(run);
    ASSERT_EQ(losses.size(), 20u) << run;
    for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(losses[i] / expected[i], 1, 1e-6) << run << " at " << i;
  }
}

// The program itself, on prepared data.
class TrainProcesses : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    tiny_->make_shards();
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static CommandOutcome train(const std::string& name, const std::string& more, const std::string& environment = "") {
    return tiny_->run("train backbone.toml --run ./runs/" + name + " training.log_every=1 " + more, environment);
  }
  // Two processes that a person starts one by one; `second` is said to the second alone.
  struct Second {
    std::string arguments, environment;
  };
  static std::array<CommandOutcome, 2> start_both(const std::string& name, const Second& second) {
    const std::string port = std::to_string(free_port());
    const std::array<ScratchFolder, 2> said;
    std::array<pid_t, 2> children{};
    for (std::size_t rank = 0; rank < 2; ++rank) {
      const std::string command =
          palimpsest_command("train backbone.toml --run ./runs/" + name +
                                 " training.log_every=1 --threads 1 --dtype fp32 --device cpu --join-seconds 20 " +
                                 (rank == 1 ? second.arguments : ""),
                             "RANK=" + std::to_string(rank) + " WORLD_SIZE=2 MASTER_PORT=" + port + " " +
                                 (rank == 1 ? second.environment : ""));
      children[rank] = start_command(said[rank], "-C '" + tiny_->folder.path().string() + "' " + command);
    }
    return {finish_command(said[0], children[0]), finish_command(said[1], children[1])};
  }
  static std::vector<double> losses(const std::string& name) { return losses_of(tiny_->folder / ("runs/" + name)); }

  static inline TinyRun* tiny_ = nullptr;
};

TEST_F(TrainProcesses, GiveTheLossesOfOne) {
  const CommandOutcome alone = train("alone", "training.optimizer=adamw");
  ASSERT_EQ(alone.code, 0) << alone.err;
  const CommandOutcome two = train("two", "training.optimizer=adamw --processes 2");
  ASSERT_EQ(two.code, 0) << two.err;
  EXPECT_NE(two.err.find("each of 2 processes sent"), std::string::npos) << two.err;
  const std::vector<double> expected = losses("alone"), shared = losses("two");
  ASSERT_EQ(shared.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(shared[i] / expected[i], 1, 1e-6) << i;
}

TEST_F(TrainProcesses, AKilledOneEndsTheOtherWithOneMessageAndTheRunGoesOn) {
  ASSERT_EQ(train("calm", "--processes 2").code, 0);
  const auto [first, second] = start_both("killed", {"", "PALIMPSEST_FAILPOINT=train.after_step:9"});
  EXPECT_EQ(second.code, kKilled);
  EXPECT_EQ(first.code, 1);
  EXPECT_NE(first.err.find("palimpsest: rank 1 of 2 has gone; the others end too."), std::string::npos) << first.err;
  ASSERT_EQ(train("killed", "--processes 2").code, 0);
  EXPECT_EQ(tiny_->log("killed"), tiny_->log("calm"));
}

TEST_F(TrainProcesses, AnotherRecipeIsRefusedAtTheStart) {
  const auto [first, second] = start_both("seeds", {"training.seed=1", ""});
  EXPECT_EQ(first.code, 2);
  EXPECT_EQ(second.code, 2);
  EXPECT_NE(first.err.find("rank 1: recipe: differs from rank 0's: training.seed: 0 there, 1 here"), std::string::npos)
      << first.err;
  EXPECT_EQ(second.err, "");
  EXPECT_FALSE(std::filesystem::exists(tiny_->folder / "runs/seeds"));
}

TEST_F(TrainProcesses, ABatchThatCannotBeSharedIsRefused) {
  const CommandOutcome outcome = train("odd", "--processes 2 training.batch=3");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("must be divisible by processes times micro_batches (2), got 3"), std::string::npos)
      << outcome.err;
}

TEST_F(TrainProcesses, ASignalToTheirParentSavesAndLeavesWith130) {
  const pid_t child =
      tiny_->start("train backbone.toml --run ./runs/signalled --processes 2 training.log_every=1 training.steps=4000");
  const std::filesystem::path log = tiny_->folder / "runs/signalled/log.jsonl";
  int status = 0;
  while (!std::filesystem::exists(log) || std::filesystem::file_size(log) == 0) {
    ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "ended before its first line";
    std::this_thread::yield();
  }
  kill(child, SIGTERM);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 130) << tiny_->folder.read("err.txt");
  EXPECT_TRUE(newest_checkpoint(tiny_->folder / "runs/signalled").has_value());
}

}  // namespace
}  // namespace palimpsest
