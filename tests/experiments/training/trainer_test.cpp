#include "experiments/training/trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "tests/experiments/training/toy_task.h"
#include "tests/support/child.h"
#include "tests/support/counting_gpu.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"
#include "tests/support/soak.h"

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
    for (const char* spent : {"seconds", "save_stall_seconds", "joules", "gpu_joules", "sent_bytes_a_step"})
      parsed.erase(spent);
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

// What an undisturbed run writes, and how a run that was killed differs from it once it has gone on: "" when it does
// not.
std::string difference_after_kill(const std::filesystem::path& whole, const std::filesystem::path& run) {
  train_toy(run, toy_options());
  if (log_of(run) != log_of(whole)) return "another log";
  return last_model(run) == last_model(whole) ? "" : "another model";
}

TEST(Trainer, KilledAtAnyPointOfItsSavesItGoesOnBitwise) {
  const ScratchFolder scratch;
  const std::filesystem::path whole = scratch / "whole";
  train_toy(whole, toy_options());
  const std::vector<std::string> points = failpoints_of([&] { train_toy(scratch / "listed", toy_options()); });
  ASSERT_GT(points.size(), 60u);
  std::set<std::string> names;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::string name = points[i].substr(0, points[i].find(':'));
    if (!names.insert(name).second && i % 5 != 0) continue;  // every point once, and each fifth of their repetitions
    const std::filesystem::path run = scratch / ("killed-" + std::to_string(i));
    ASSERT_TRUE(killed_at(points[i], [&] { train_toy(run, toy_options()); })) << points[i];
    ASSERT_EQ(difference_after_kill(whole, run), "") << points[i];
    std::filesystem::remove_all(run);
  }
  EXPECT_TRUE(names.contains("checkpoint.before_commit") && names.contains("directory.before_rename"));
}

TEST(Trainer, KilledAtRandomMomentsItGoesOnBitwise) {
  const ScratchFolder scratch;
  const std::filesystem::path whole = scratch / "whole";
  const auto begin = std::chrono::steady_clock::now();
  train_toy(whole, toy_options());
  const auto lasted = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  const RandomKey key = RandomKey::root(static_cast<std::uint64_t>(::getpid())).fold("moments");
  for (std::uint64_t round = 0; round < 4 * soak_factor(); ++round) {
    const std::filesystem::path run = scratch / ("killed-" + std::to_string(round));
    const double moment = key.uniform(round) * static_cast<double>(lasted.count());
    killed_after(static_cast<std::int64_t>(moment), [&] { train_toy(run, toy_options()); });
    ASSERT_EQ(difference_after_kill(whole, run), "") << "after " << moment << " us";
    std::filesystem::remove_all(run);
  }
}

// Neither loses the checkpoint that was there, and with room again the run goes on as if nothing had been.
TEST(Trainer, AFullDiskIsSaidAndLosesNothing) {
  const ScratchFolder scratch;
  train_toy(scratch / "whole", toy_options());
  for (const std::string point : {"file.before_sync:9:full", "directory.before_rename:2:full"}) {
    const std::filesystem::path run = scratch / ("full-" + point);
    const int status = status_of(start_child([&] {
      ::setenv("PALIMPSEST_FAILPOINT", point.c_str(), 1);
      train_toy(run, toy_options());
    }));
    EXPECT_EQ(WEXITSTATUS(status), 1) << point;
    EXPECT_EQ(newest_checkpoint(run), checkpoint_path(run, 5)) << point;
    EXPECT_EQ(difference_after_kill(scratch / "whole", run), "") << point;
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
  options.give_up_after = 3;
  EXPECT_EQ(message_of<Hopeless>([&] { train_toy(scratch / "a", options, all); }),
            "training: loss or gradient was not finite for 3 steps in a row; the last batch is in " +
                (scratch / "a/rejected/step-2").string() +
                ", of sample-16 sample-17 sample-18 sample-19 sample-20 sample-21 sample-22 sample-23; a smaller "
                "learning rate may help (--accept-changes)");
  const auto tensors = read_safetensors(scratch / "a/rejected/step-2/part-0.safetensors").tensors;
  EXPECT_EQ(tensors.at("input_BI").sizes(), (std::vector<std::int64_t>{8, 6}));
  EXPECT_EQ(nlohmann::json::parse(scratch.read("a/rejected/step-2/samples.json")).at("samples").size(), 8u);
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

// Moves the counter of a made-up machine by a joule a step.
class DrawingTask : public ToyTask {
 public:
  DrawingTask(const TrainingOptions& options, const ScratchFolder& powercap) : ToyTask(options), powercap_(powercap) {
    draw();
  }
  LossReport loss(const StepPosition& position) override {
    draw();
    return ToyTask::loss(position);
  }

 private:
  void draw() { powercap_.write("intel-rapl:0/energy_uj", std::to_string(1'000'000 * ++joules_)); }

  const ScratchFolder& powercap_;
  std::int64_t joules_ = 0;
};

TEST(Trainer, TellsTheEnergyOfAllItsCallsWhereTheMachineDoes) {
  const ScratchFolder scratch, powercap;
  for (const std::int64_t steps : {8, 20}) {
    TrainingOptions options = toy_options();
    options.steps = steps;
    std::filesystem::create_directories(scratch / "a");
    DrawingTask task(options, powercap);
    Trainer(task, options, {scratch / "a", "", c10::ScalarType::Float, std::make_shared<Peers>(), powercap.path()})
        .train();
  }
  EXPECT_NEAR(*read_checkpoint_state(*newest_checkpoint(scratch / "a")).joules, 20.0, 1e-6);
  double logged = 0;
  std::istringstream lines(read_file(scratch / "a/log.jsonl"));
  for (std::string line; std::getline(lines, line);) logged = nlohmann::json::parse(line).value("joules", logged);
  EXPECT_NEAR(logged, 20.0, 1e-6);
  std::filesystem::create_directories(scratch / "b");
  ToyTask quiet(toy_options());
  Trainer(quiet, toy_options(),
          {scratch / "b", "", c10::ScalarType::Float, std::make_shared<Peers>(), scratch / "none"})
      .train();
  EXPECT_FALSE(read_checkpoint_state(*newest_checkpoint(scratch / "b")).joules.has_value());
  EXPECT_EQ(read_file(scratch / "b/log.jsonl").find("joules"), std::string::npos);
}

// Draws three joules a step on a GPU too.
class TwiceDrawingTask : public DrawingTask {
 public:
  using DrawingTask::DrawingTask;
  LossReport loss(const StepPosition& position) override {
    gpu.millijoules[1] += 3000;
    return DrawingTask::loss(position);
  }
  CountingGpu& gpu = counting_gpu();
};

TEST(Trainer, TellsAGpusEnergyApart) {
  const ScratchFolder scratch, powercap;
  for (const std::int64_t steps : {8, 20}) {
    TrainingOptions options = toy_options();
    options.steps = steps;
    std::filesystem::create_directories(scratch / "a");
    TwiceDrawingTask task(options, powercap);
    RunPlace place{scratch / "a", "", c10::ScalarType::Float, std::make_shared<Peers>(), powercap.path()};
    place.gpus = GpuEnergy({0}, counting_gpu_libraries());
    Trainer(task, options, place).train();
  }
  const TrainingState state = read_checkpoint_state(*newest_checkpoint(scratch / "a"));
  EXPECT_NEAR(*state.gpu_joules, 60.0, 1e-6);
  EXPECT_NEAR(*state.joules, 80.0, 1e-6);
  EXPECT_NE(read_file(scratch / "a/log.jsonl").find("\"gpu_joules\":60.0"), std::string::npos);
}

TEST(Trainer, TellsHowLongSavesHeldItUp) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  std::istringstream lines(read_file(scratch / "a/log.jsonl"));
  double before = -1;
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = nlohmann::json::parse(line);
    if (!parsed.contains("loss")) continue;
    EXPECT_GE(parsed.at("save_stall_seconds").get<double>(), before);
    before = parsed["save_stall_seconds"];
  }
  EXPECT_GT(before, 0.0);
}

// Training waits for a copy in memory; the sums, the file and the flush to the disk go on behind its back.
TEST(CheckpointWriter, HoldsUpTrainingForLessThanHalfOfASave) {
  const ScratchFolder scratch;
  CheckpointWriter writer(scratch.path(), {});
  for (std::int64_t step = 1; step <= 3; ++step) {
    CheckpointContent content;
    for (TensorMap* tensors : {&content.model, &content.average, &content.optimizer})
      (*tensors)["values"] = at::ones({8 << 20});
    content.state.step = step;
    writer.save(std::move(content));
    writer.finish();
  }
  EXPECT_EQ(writer.saves(), 3);
  EXPECT_LT(writer.stalled_seconds(), writer.written_seconds());
}

TEST(Checkpoints, OnlyTheNewestAreKept) {
  const ScratchFolder scratch;
  train_toy(scratch / "a", toy_options());
  EXPECT_FALSE(std::filesystem::exists(checkpoint_path(scratch / "a", 10)));
  EXPECT_TRUE(std::filesystem::exists(checkpoint_path(scratch / "a", 15)));
  EXPECT_TRUE(std::filesystem::exists(checkpoint_path(scratch / "a", 20)));
}

TEST(Checkpoints, TheBestAndThoseOfEveryFewStepsAreKept) {
  const ScratchFolder scratch;
  TrainingOptions options = toy_options();
  options.keep = 1;
  options.keep_every = 10;
  options.keep_best = "held-out/weight";
  options.validate_every = 1;
  options.checkpoint_every = 5;
  train_toy(scratch / "a", options);
  double best = std::numeric_limits<double>::infinity();
  std::int64_t best_step = 0;
  std::istringstream lines(scratch.read("a/log.jsonl"));
  for (std::string text; std::getline(lines, text);) {
    const nlohmann::json line = nlohmann::json::parse(text);
    if (!line.contains("validation") || line["validation"]["held-out/weight"] >= best) continue;
    best = line["validation"]["held-out/weight"];
    best_step = line["step"];
  }
  std::set<std::filesystem::path> kept, expected;
  for (const auto& entry : std::filesystem::directory_iterator(scratch / "a/checkpoints")) kept.insert(entry.path());
  for (const std::int64_t step : {std::int64_t{10}, std::int64_t{20}, best_step}) {
    expected.insert(checkpoint_path(scratch / "a", step));
  }
  EXPECT_EQ(kept, expected);
  EXPECT_EQ(read_checkpoint_state(checkpoint_path(scratch / "a", 20)).best, best);
}

TEST(Checkpoints, AFigureThatIsNotThereCannotBeTheBest) {
  const ScratchFolder scratch;
  TrainingOptions options = toy_options();
  options.keep_best = "held-out/wieght";
  EXPECT_EQ(message_of<InputError>([&] { train_toy(scratch / "a", options); }),
            "training.keep_best: no validation figure is called 'held-out/wieght'; did you mean 'held-out/weight'?");
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
