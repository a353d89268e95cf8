// Several processes that train one run: their losses, what ends them, how the run goes on.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <fstream>
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
    std::filesystem::path program = PALIMPSEST_PROGRAM;
  };
  static std::array<CommandOutcome, 2> start_both(const std::string& name, const Second& second) {
    const std::string port = std::to_string(free_port());
    const std::array<ScratchFolder, 2> said;
    std::array<pid_t, 2> children{};
    for (std::size_t rank = 0; rank < 2; ++rank) {
      const std::filesystem::path program = rank == 1 ? second.program : PALIMPSEST_PROGRAM;
      const std::string command = "RANK=" + std::to_string(rank) + " WORLD_SIZE=2 MASTER_PORT=" + port + " " +
                                  (rank == 1 ? second.environment : "") + " '" + program.string() +
                                  "' train backbone.toml --run ./runs/" + name +
                                  " training.log_every=1 --threads 1 --dtype fp32 --device cpu --join-seconds 20 " +
                                  (rank == 1 ? second.arguments : "");
      children[rank] = start_command(said[rank], "-C '" + tiny_->folder.path().string() + "' " + command);
    }
    return {finish_command(said[0], children[0]), finish_command(said[1], children[1])};
  }
  static std::vector<double> losses(const std::string& name) { return losses_of(tiny_->folder / ("runs/" + name)); }

  // What the last line of the log says that each step sent, in bytes.
  static double sent_bytes(const std::string& name, const CommandOutcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream text(tiny_->folder.read("runs/" + name + "/log.jsonl"));
    double figure = 0;
    for (std::string line; std::getline(text, line);) {
      const nlohmann::json parsed = nlohmann::json::parse(line);
      if (parsed.contains("sent_bytes_a_step")) figure = parsed["sent_bytes_a_step"];
    }
    return figure;
  }

  static inline TinyRun* tiny_ = nullptr;
};

TEST_F(TrainProcesses, GiveTheLossesOfOne) {
  const CommandOutcome alone = train("alone", "training.optimizer=adamw");
  ASSERT_EQ(alone.code, 0) << alone.err;
  const CommandOutcome two = train("two", "training.optimizer=adamw --processes 2");
  ASSERT_EQ(two.code, 0) << two.err;
  EXPECT_NE(two.err.find("each of 2 processes sent"), std::string::npos) << two.err;
  // Gradients there and back, parameters once: 8P(n-1)/n + 4P(n-1)/n bytes of P parameters, and some figures.
  const double parameters = static_cast<double>(
      std::filesystem::file_size(*newest_checkpoint(tiny_->folder / "runs/two") / "model.safetensors") / 4);
  EXPECT_NEAR(sent_bytes("two", two) / (6 * parameters), 1, 0.25);
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

TEST_F(TrainProcesses, AnotherProgramIsRefusedAtTheStart) {
  const ScratchFolder elsewhere;
  const std::filesystem::path other = elsewhere / "palimpsest";
  std::filesystem::copy_file(PALIMPSEST_PROGRAM, other);
  std::ofstream(other, std::ios::app) << "built on another day";
  const auto [first, second] = start_both("programs", {"", "", other});
  EXPECT_EQ(first.code, 2);
  EXPECT_EQ(second.code, 2);
  EXPECT_NE(first.err.find("rank 1: program: differs from rank 0's"), std::string::npos) << first.err;
  EXPECT_FALSE(std::filesystem::exists(tiny_->folder / "runs/programs"));
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

// A process of a group that stands still: the others end with one message, and it is ended with them.
TEST_F(TrainProcesses, AStoppedOneEndsTheGroupWithOneMessage) {
  const std::string name = "stopped";
  const pid_t parent = tiny_->start("train backbone.toml --run ./runs/" + name +
                                    " --processes 2 --silence-seconds 4 training.log_every=1 training.steps=100000");
  const std::filesystem::path log = tiny_->folder / ("runs/" + name + "/log.jsonl");
  int status = 0;
  while (!std::filesystem::exists(log) || std::filesystem::file_size(log) == 0) {
    ASSERT_EQ(waitpid(parent, &status, WNOHANG), 0) << "ended before its first line";
    std::this_thread::yield();
  }
  const std::string of_parent = std::to_string(parent);
  std::istringstream children(read_file("/proc/" + of_parent + "/task/" + of_parent + "/children"));
  pid_t first = 0, second = 0;
  children >> first >> second;
  ASSERT_GT(second, first);
  ASSERT_EQ(kill(second, SIGSTOP), 0);
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(kill(second, 0), -1);  // it is gone
  const std::string said = tiny_->folder.read("err.txt");
  EXPECT_NE(said.find("palimpsest: rank 1 of 2 stands still; the others end too."), std::string::npos) << said;
  EXPECT_EQ(said.find("palimpsest: rank"), said.rfind("palimpsest: rank")) << said;
}

// What is frozen is neither stepped nor sent.
TEST_F(TrainProcesses, FrozenParametersAndAdaptersGiveTheLossesOfOne) {
  ASSERT_EQ(train("start", "training.optimizer=adamw training.steps=4").code, 0);
  const std::string from = "training.optimizer=adamw training.start_from=runs/start ";
  const std::map<std::string, std::string> parts{{"frozen", "'training.freeze=[\"embed\", \"blocks.*.attention\"]'"},
                                                 {"lora", "lora.rank=2"}};
  const double everything = sent_bytes("start-two", train("start-two", "training.optimizer=adamw --processes 2"));
  for (const auto& [name, part] : parts) {
    const CommandOutcome one = train(name, from + part), two = train(name + "-two", from + part + " --processes 2");
    ASSERT_EQ(one.code, 0) << one.err;
    EXPECT_LT(sent_bytes(name + "-two", two), 0.9 * everything) << name;
    const std::vector<double> expected = losses(name), shared = losses(name + "-two");
    ASSERT_EQ(shared.size(), 20u) << name;
    for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(shared[i] / expected[i], 1, 1e-6) << name << " at " << i;
  }
}

// Python's own launcher, where its torch is installed ('./run bench' does that). It takes --run for one of its own
// flags.
TEST_F(TrainProcesses, TorchrunStartsThem) {
  const std::string python = std::string(PALIMPSEST_SOURCE_DIR) + "/.deps/peers/python";
  const ScratchFolder scratch;
  if (run_command(scratch, "'" + python + "' -c 'import torch.distributed.run'").code != 0)
    GTEST_SKIP() << "torchrun is not installed: " << python << " does not import torch.distributed.run";
  ASSERT_EQ(train("by-hand", "training.optimizer=adamw").code, 0);
  const CommandOutcome outcome = run_command(
      tiny_->folder, "'" + python + "' -m torch.distributed.run --no-python --standalone --nproc-per-node 2 '" +
                         std::string(PALIMPSEST_PROGRAM) +
                         "' train backbone.toml --out ./runs/torchrun training.log_every=1 training.optimizer=adamw "
                         "--threads 1 --dtype fp32 --device cpu");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("each of 2 processes sent"), std::string::npos) << outcome.err;
  const std::vector<double> expected = losses("by-hand"), shared = losses("torchrun");
  ASSERT_EQ(shared.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(shared[i] / expected[i], 1, 1e-6) << i;
}

}  // namespace
}  // namespace palimpsest
