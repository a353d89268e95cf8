#include "experiments/training/trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/files.h"
#include "base/safetensors.h"
#include "tests/experiments/training/toy_task.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

TrainingOptions toy_options() {
  TrainingOptions options;
  options.steps = 20;
  options.batch = 8;
  options.optimizer = OptimizerKind::kMuon;
  options.learning_rate = 0.05;
  options.warmup_steps = 3;
  options.decay = DecayKind::kCosine;
  options.ema = 0.9;
  options.checkpoint_every = 5;
  options.validate_every = 7;
  options.log_every = 3;
  return options;
}

// The lines of a log without its wall times.
std::vector<std::string> log_of(const std::filesystem::path& run) {
  std::istringstream text(read_file(run / "log.jsonl"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    nlohmann::json parsed = nlohmann::json::parse(line);
    parsed.erase("seconds");
    lines.push_back(parsed.dump());
  }
  return lines;
}

std::string last_model(const std::filesystem::path& run) {
  return read_file(*newest_checkpoint(run) / "model.safetensors");
}

void train_toy(const std::filesystem::path& run, const TrainingOptions& options, std::set<std::int64_t> broken = {}) {
  std::filesystem::create_directories(run);
  ToyTask task(options, std::move(broken));
  Trainer(task, options, {run, "kind = 'toy'\n"}).train();
}

// A task that dies before a step, as a crash would have it.
class DyingTask : public ToyTask {
 public:
  DyingTask(const TrainingOptions& options, std::int64_t last) : ToyTask(options), last_(last) {}
  LossReport loss(const StepPosition& position) override {
    if (position.step == last_) throw std::runtime_error("died");
    return ToyTask::loss(position);
  }

 private:
  std::int64_t last_;
};

TEST(Trainer, TheSameRunTwiceIsBitwiseTheSame) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  train_toy(scratch / "b", toy_options());
  EXPECT_EQ(log_of(scratch / "a"), log_of(scratch / "b"));
  EXPECT_EQ(last_model(scratch / "a"), last_model(scratch / "b"));
}

TEST(Trainer, LearnsTheToyProblem) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  const auto lines = log_of(scratch / "a");
  EXPECT_LT(nlohmann::json::parse(lines.back()).value("loss", 0.0),
            nlohmann::json::parse(lines.front()).at("loss").get<double>());
}

TEST(Trainer, ACrashedRunGoesOnBitwise) {
  const ScratchFolder scratch;
  train_toy(scratch / "whole", toy_options());
  for (std::int64_t last = 1; last < 20; ++last) {
    const std::filesystem::path run = scratch / ("crashed-" + std::to_string(last));
    std::filesystem::create_directories(run);
    DyingTask task(toy_options(), last);
    EXPECT_THROW(Trainer(task, toy_options(), {run, "kind = 'toy'\n"}).train(), std::runtime_error);
    train_toy(run, toy_options());
    ASSERT_EQ(log_of(scratch / "whole"), log_of(run)) << "died before step " << last;
    ASSERT_EQ(last_model(scratch / "whole"), last_model(run)) << "died before step " << last;
  }
}

TEST(Trainer, AFinishedRunDoesNothing) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  const std::string log = scratch.read("a/log.jsonl");
  ToyTask task(toy_options());
  Trainer trainer(task, toy_options(), {scratch / "a", "kind = 'toy'\n"});
  EXPECT_TRUE(trainer.finished());
  trainer.train();
  EXPECT_EQ(task.calls, 0);
  EXPECT_EQ(scratch.read("a/log.jsonl"), log);
}

TEST(Trainer, MicroBatchesGiveTheWholeBatchsStep) {
  const ScratchFolder scratch;
  TrainingOptions options = toy_options();
  options.optimizer = OptimizerKind::kAdamW;
  train_toy(scratch / "whole", options);
  options.micro_batches = 4;
  train_toy(scratch / "parts", options);
  const auto whole = read_safetensors(*newest_checkpoint(scratch / "whole") / "model.safetensors").tensors;
  for (const auto& [name, value] :
       read_safetensors(*newest_checkpoint(scratch / "parts") / "model.safetensors").tensors) {
    EXPECT_TRUE(at::allclose(value, whole.at(name), 1e-4, 1e-5)) << name;
  }
}

TEST(Trainer, SkipsAndCountsStepsWithoutFiniteGradient) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options(), {4, 9, 10});
  const TrainingState state = read_checkpoint_state(*newest_checkpoint(scratch / "a"));
  EXPECT_EQ(state.skipped, 3);
  EXPECT_EQ(state.updates, 17);
  for (const auto& [name, value] : read_safetensors(*newest_checkpoint(scratch / "a") / "model.safetensors").tensors) {
    EXPECT_TRUE(at::isfinite(value).all().item<bool>()) << name;
  }
}

TEST(Trainer, GivesUpWhenNothingIsFinite) {
  const ScratchFolder scratch;
  TrainingOptions options = toy_options();
  options.steps = 200;
  std::set<std::int64_t> all;
  for (std::int64_t step = 0; step < 200; ++step) all.insert(step);
  EXPECT_THROW(train_toy(scratch / "a", options, all), c10::Error);
}

TEST(Trainer, ClipsTheGradientBeforeTheStep) {
  TrainingOptions options = toy_options();
  options.optimizer = OptimizerKind::kAdamW;
  options.epsilon = 1e6;  // so large that AdamW's step is proportional to the gradient
  options.learning_rate = 1e6;
  options.warmup_steps = 0;
  options.clip = 1e-3;
  ToyTask task(options);
  const at::Tensor before = task.parameters().items()[0].second.detach().clone();
  const at::Tensor bias_before = task.parameters().items()[1].second.detach().clone();
  Optimizer optimizer(options, task.parameters(), at::kFloat);
  const StepReport report = training_step(task, optimizer, options, 0);
  EXPECT_GT(report.gradient_norm, options.clip);
  const double moved = at::cat({(task.parameters().items()[0].second - before).flatten(),
                                task.parameters().items()[1].second - bias_before})
                           .norm()
                           .item<double>();
  EXPECT_NEAR(moved, 1e-3, 1e-5);
}

TEST(Trainer, ValidatesWithTheAverage) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  const CheckpointContent content = read_checkpoint(*newest_checkpoint(scratch / "a"));
  const double validated = content.state.validation.at("held-out/weight").get<double>();
  EXPECT_NEAR(validated, content.average.at("body").sum().item<double>(), 1e-6);
  EXPECT_GT(std::abs(validated - content.model.at("body").sum().item<double>()), 1e-4);
}

TEST(Trainer, TheSpeedProbeLeavesTheParametersAlone) {
  ToyTask task(toy_options());
  const at::Tensor before = task.parameters().items()[0].second.detach().clone();
  const Speed speed = measure_speed(task, toy_options(), at::kFloat, 3);
  EXPECT_GT(speed.seconds_a_step, 0.0);
  EXPECT_TRUE(at::equal(task.parameters().items()[0].second, before));
}

TEST(Checkpoints, OnlyTheNewestAreKept) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  EXPECT_FALSE(std::filesystem::exists(checkpoint_path(scratch / "a", 10)));
  EXPECT_TRUE(std::filesystem::exists(checkpoint_path(scratch / "a", 15)));
  EXPECT_TRUE(std::filesystem::exists(checkpoint_path(scratch / "a", 20)));
}

TEST(Checkpoints, ADamagedOneIsPassedOver) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  const std::filesystem::path newest = checkpoint_path(scratch / "a", 20);
  std::string bytes = read_file(newest / "ema.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(newest / "ema.safetensors", std::ios::binary) << bytes;
  EXPECT_EQ(checkpoint_damage(newest), "ema.safetensors differs from its hash in state.json");
  EXPECT_EQ(newest_checkpoint(scratch / "a"), checkpoint_path(scratch / "a", 15));
  std::filesystem::remove(checkpoint_path(scratch / "a", 15) / "state.json");
  EXPECT_EQ(newest_checkpoint(scratch / "a"), std::nullopt);
}

TEST(RunLog, DropsLaterAndTornLines) {
  const ScratchFolder scratch;
  scratch.write("log.jsonl", "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"step\":");
  RunLog(scratch / "log.jsonl", 2).write({{"step", 5}});
  EXPECT_EQ(scratch.read("log.jsonl"), "{\"step\":1}\n{\"step\":2}\n{\"step\":5}\n");
}

}  // namespace
}  // namespace palimpsest
