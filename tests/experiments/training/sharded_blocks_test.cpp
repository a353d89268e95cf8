// Blocks that lie in parts in several processes: the same run as with whole ones, and what each process holds.
#include <gtest/gtest.h>

#include <set>

#include "experiments/cli/bench_task.h"
#include "experiments/training/exchange.h"
#include "experiments/training/memory.h"
#include "experiments/training/trainer.h"
#include "tests/experiments/training/tiny_run.h"
#include "tests/support/ranks.h"

namespace palimpsest {
namespace {

namespace fs = std::filesystem;

constexpr BenchPreset kShardedNet{"test", 64, 6, 4, 32, 4, 300};

std::int64_t memory_behind(const std::vector<at::Tensor>& tensors) {
  std::map<const void*, std::int64_t> memory;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.defined())
      memory[tensor.storage().unsafeGetStorageImpl()] = static_cast<std::int64_t>(tensor.storage().nbytes());
  }
  std::int64_t bytes = 0;
  for (const auto& [place, size] : memory) bytes += size;
  return bytes;
}

// Of a net in training, between two steps.
std::int64_t held_bytes(const ParameterSet& parameters, const Optimizer& optimizer, const ParameterAverage& average) {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : parameters.items()) tensors.insert(tensors.end(), {tensor, tensor.grad()});
  for (const auto& [name, tensor] : optimizer.state()) tensors.push_back(tensor);
  for (const auto& [name, tensor] : average.values()) tensors.push_back(tensor);
  return memory_behind(tensors);
}

std::int64_t count_of_blocks(Transformer& net) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < net.num_blocks(); ++i) count += net.block_parameters(i).count();
  return count;
}

TrainingOptions options_in_parts() {
  TrainingOptions options;
  options.shard_parameters = true;
  return options;
}

// Parameter, average and AdamW's two states are 16 bytes of a block's parameter in its owner, and nothing elsewhere.
TEST(ShardedBlocks, AProcessHoldsItsPartBetweenSteps) {
  for (const std::int64_t count : {2, 4}) {
    const auto statuses = run_ranks(count, [count](Peers& peers) {
      BenchTask task(kShardedNet, Machine{}, 0);
      Exchange exchange(task.parameters(), peers, true, task.blocked_net());
      Optimizer optimizer(options_in_parts(), exchange.own(), at::kFloat);
      ParameterAverage average(exchange.kept(), 0.9);
      optimizer.carry(average);
      for (std::int64_t step = 0; step < 2; ++step) {
        require(training_step(task, optimizer, options_in_parts(), step, exchange).applied, "a step");
      }
      const std::int64_t blocks = count_of_blocks(*task.blocked_net());
      const std::int64_t resident = task.parameters().count() - blocks;
      std::int64_t own_resident = 0;  // whose states lie here
      for (const auto& [name, tensor] : exchange.own().items()) {
        if (!name.starts_with("blocks.")) own_resident += tensor.numel();
      }
      const std::int64_t of_blocks = held_bytes(task.parameters(), optimizer, average) - 8 * (resident + own_resident);
      const double part = 16.0 * static_cast<double>(blocks) / static_cast<double>(count);
      require(std::abs(static_cast<double>(of_blocks) / part - 1) < 0.1,
              "a part of the blocks: " + std::to_string(of_blocks) + " bytes of " + std::to_string(part));
    });
    EXPECT_EQ(statuses, std::vector<int>(static_cast<std::size_t>(count))) << count;
  }
}

TEST(ShardedBlocks, AloneNothingIsDealtOut) {
  BenchTask task(kShardedNet, Machine{}, 0);
  Peers alone;
  const Exchange exchange(task.parameters(), alone, true, task.blocked_net());
  EXPECT_FALSE(exchange.sharded());
  EXPECT_EQ(exchange.kept().count(), task.parameters().count());
  EXPECT_EQ(exchange.own().count(), task.parameters().count());
  EXPECT_GT(memory_behind({task.blocked_net()->block_parameters(0).items().front().second}), 0);
}

// The plan of --dry-run against the highest that two processes hold.
TEST(ShardedBlocks, TheMemoryOfAStepIsForeseen) {
  const auto statuses = run_ranks(2, [](Peers& peers) {
    const TaskMakers makers{{"backbone", [](const TaskRequest& request) {
                               const std::int64_t rows = request.training.batch / request.training.micro_batches;
                               BenchPreset net{"test", 128, 8, 4, 32, rows, 300};
                               return std::make_unique<BenchTask>(net, Machine{}, 0);
                             }}};
    TaskRequest request{{toml::table{{"kind", "backbone"}}, "r.toml"}, options_in_parts(), {}};
    request.training.batch = 16;
    request.training.micro_batches = request.planned_processes = 2;
    const MemoryEstimate estimate = scale_memory(probe_memory(makers, request, 8), request);
    MemoryMeter meter;
    const auto task = make_task(makers, request);
    Exchange exchange(task->parameters(), peers, true, task->blocked_net());
    Optimizer optimizer(request.training, exchange.own(), at::kFloat);
    ParameterAverage average(exchange.kept(), 0.9);
    meter.forget_peak();
    TrainingOptions own = request.training;
    own.micro_batches = 1;
    for (std::int64_t step = 0; step < 2; ++step) training_step(*task, optimizer, own, step, exchange);
    const double told = static_cast<double>(estimate.total() - estimate.program);
    const double taken = static_cast<double>(meter.peak());
    require(std::abs(taken / told - 1) < 0.1, std::to_string(taken) + " of " + std::to_string(told) + " bytes");
  });
  EXPECT_EQ(statuses, std::vector<int>(2));
}

// The program itself, with a net of three blocks.
class ShardedRuns : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    tiny_->make_shards();
    const CommandOutcome alone = train("alone", "");
    ASSERT_EQ(alone.code, 0) << alone.err;
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static CommandOutcome train(const std::string& name, const std::string& more, const std::string& environment = "") {
    return tiny_->run("train backbone.toml --run ./runs/" + name +
                          " training.log_every=1 backbone.layers=3 training.checkpoint_every=6 " + more,
                      environment);
  }
  static std::vector<double> losses(const std::string& name) {
    std::vector<double> losses;
    for (const std::string& line : tiny_->log(name)) {
      const nlohmann::json parsed = nlohmann::json::parse(line);
      if (parsed.contains("loss")) losses.push_back(parsed["loss"]);
    }
    return losses;
  }
  static void expect_losses_of(const std::string& expected, const std::string& name, std::size_t steps = 20) {
    const std::vector<double> one = losses(expected), other = losses(name);
    ASSERT_EQ(one.size(), steps) << expected;
    ASSERT_EQ(other.size(), steps) << name;
    for (std::size_t i = 0; i < steps; ++i) EXPECT_NEAR(other[i] / one[i], 1, 1e-6) << name << " at " << i;
  }
  static std::map<std::string, std::string> files_below(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
    }
    return files;
  }

  static constexpr const char* kInParts = " training.shard_parameters=true --processes ";
  static inline TinyRun* tiny_ = nullptr;
};

// Muon and clipping need whole matrices and the norm of all gradients; validation has batches for three of four.
TEST_F(ShardedRuns, FourProcessesGiveTheLossesOfOne) {
  const CommandOutcome four = train("four", std::string("data.validation_rows=3") + kInParts + "4");
  ASSERT_EQ(four.code, 0) << four.err;
  expect_losses_of("alone", "four");
}

// A log without the norms, which are summed in another order.
std::vector<std::string> without_norms(const std::vector<std::string>& log) {
  std::vector<std::string> lines;
  for (const std::string& line : log) {
    nlohmann::json parsed = nlohmann::json::parse(line);
    parsed.erase("gradient_norm");
    lines.push_back(parsed.dump());
  }
  return lines;
}

// Two sums of the same two numbers: without clipping nothing may differ.
TEST_F(ShardedRuns, LossesSamplesAndCheckpointsAreThoseOfWholeParametersWhereverTheRunGoesOn) {
  const std::string more = "training.optimizer=adamw training.clip=0 training.sample_every=10 training.sample_count=2 ";
  const std::string parts = more + kInParts, killed = "PALIMPSEST_FAILPOINT=train.after_step:9";
  const CommandOutcome whole = train("whole", more + "--processes 2"), two = train("parts", parts + "2");
  ASSERT_EQ(whole.code, 0) << whole.err;
  ASSERT_EQ(two.code, 0) << two.err;
  EXPECT_EQ(without_norms(tiny_->log("parts")), without_norms(tiny_->log("whole")));
  const fs::path runs = tiny_->folder / "runs";
  EXPECT_EQ(files_below(runs / "parts/samples"), files_below(runs / "whole/samples"));
  EXPECT_GE(files_below(runs / "parts/samples").size(), 4u);
  for (const char* name : {"model", "ema", "optimizer"}) {
    const std::string file = std::string("checkpoints/step-00000020/") + name + ".safetensors";
    EXPECT_TRUE(read_file(runs / "parts" / file) == read_file(runs / "whole" / file)) << name;
  }
  // Killed after the checkpoint of step 6, gone on by two, by one with whole parameters, and by four.
  EXPECT_NE(train("killed", parts + "2", killed).code, 0);
  fs::copy(runs / "killed", runs / "by-one", fs::copy_options::recursive);
  ASSERT_EQ(train("killed", parts + "2").code, 0);
  EXPECT_EQ(tiny_->log("killed"), tiny_->log("parts"));
  const CommandOutcome by_one = train("by-one", more + "--accept-changes");
  ASSERT_EQ(by_one.code, 0) << by_one.err;
  expect_losses_of("parts", "by-one");
  EXPECT_NE(train("by-four", more, killed).code, 0);
  const CommandOutcome by_four = train("by-four", parts + "4 --accept-changes");
  ASSERT_EQ(by_four.code, 0) << by_four.err;
  expect_losses_of("parts", "by-four");
}

TEST_F(ShardedRuns, MicroBatchesAndBlocksThatRunAgainGiveTheLossesOfOne) {
  const CommandOutcome cut =
      train("cut", std::string("training.micro_batches=2 backbone.checkpoint_layers=2") + kInParts + "2");
  ASSERT_EQ(cut.code, 0) << cut.err;
  expect_losses_of("alone", "cut");
}

// What is frozen lies in parts too; below the lowest that is trained there is no backward pass.
TEST_F(ShardedRuns, FrozenParametersAndAdaptersGiveTheLossesOfOne) {
  const std::string from = "training.optimizer=adamw training.start_from=runs/alone training.steps=8 ";
  const std::map<std::string, std::string> kinds{
      {"frozen", "'training.freeze=[\"*embed\", \"blocks.0\", \"blocks.1.attention\"]' "}, {"lora", "lora.rank=2 "}};
  for (const auto& [name, kind] : kinds) {
    const CommandOutcome one = train(name, from + kind), two = train(name + "-parts", from + kind + kInParts + "2");
    ASSERT_EQ(one.code, 0) << one.err;
    ASSERT_EQ(two.code, 0) << two.err;
    expect_losses_of(name, name + "-parts", 8);
  }
}

TEST_F(ShardedRuns, ADryRunTellsWhatEachProcessHolds) {
  const auto memory = [](const std::string& more) {
    const CommandOutcome outcome = train("planned", more + " --dry-run --json");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  };
  const nlohmann::json whole = memory("--processes 2"), parts = memory(std::string(kInParts) + "2");
  EXPECT_EQ(parts.at("processes"), 2);
  std::int64_t blocks = 0;
  for (const auto& [name, tensor] : read_checkpoint(*newest_checkpoint(tiny_->folder / "runs/alone")).model) {
    if (name.starts_with("blocks.")) blocks += 4 * tensor.numel();
  }
  for (const char* part : {"parameters", "average"}) {
    const std::int64_t all = whole["memory_bytes"][part], own = parts["memory_bytes"][part];
    EXPECT_EQ(all - own, blocks / 2) << part;
  }
  EXPECT_EQ(parts["memory_bytes"]["optimizer"], whole["memory_bytes"]["optimizer"]);
}

}  // namespace
}  // namespace palimpsest
