// training.memory_budget: the plans it chooses, what their steps really take, and what is said when none fits.
#include "experiments/training/memory_budget.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "experiments/cli/bench_task.h"
#include "experiments/training/average.h"
#include "experiments/training/trainer.h"
#include "tests/experiments/training/tiny_run.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kLayers = 4, kLength = 64;

TaskMakers bench_makers() {
  return {{"backbone", [](const TaskRequest& request) {
             BenchPreset preset{"test", 96, kLayers, 4, kLength, 0, 500};
             preset.batch = request.training.batch / request.training.micro_batches;
             preset.checkpoint_layers = request.recipe.table["backbone"]["checkpoint_layers"].value_or(std::int64_t{0});
             return std::make_unique<BenchTask>(preset, request.machine, 0);
           }}};
}

TaskRequest request_of(std::int64_t batch) {
  TaskRequest request{
      {toml::table{{"kind", "backbone"}, {"backbone", toml::table{{"layers", kLayers}}}}, "r.toml"}, {}, {}};
  request.training.batch = batch;
  return request;
}

TaskRequest with_plan(TaskRequest request, std::int64_t parts, std::int64_t layers) {
  request.training.micro_batches = parts;
  request.recipe.table["backbone"].as_table()->insert_or_assign("checkpoint_layers", layers);
  return request;
}

// What the trainer's own steps take at their highest, program apart.
std::int64_t measured_peak(const TaskRequest& request) {
  const auto task = make_task(bench_makers(), request);
  MemoryMeter meter;
  Optimizer optimizer(request.training, task->parameters(), request.machine.dtype);
  const ParameterAverage average(task->parameters(), 0.9);
  for (std::int64_t step = 0; step < 2; ++step) training_step(*task, optimizer, request.training, step);
  return meter.peak();
}

double cost_of(const MemoryPlan& plan, std::int64_t batch) {
  return memory_plan_cost(plan, kLayers, static_cast<double>(batch / plan.micro_batches * kLength), false);
}

TEST(MemoryBudget, PlansStayWithinItAsMeasuredAndNoneThatIsCheaperWould) {
  constexpr std::int64_t kBatch = 24;
  const TaskRequest whole = request_of(kBatch);
  const MemoryEstimate all = estimate_memory(bench_makers(), whole);
  double cost_before = 0;
  for (const double share : {1.2, 0.7, 0.45, 0.3}) {
    TaskRequest request = whole;
    const auto room = static_cast<std::int64_t>(share * static_cast<double>(all.step));
    const std::int64_t program = probe_memory(bench_makers(), with_plan(whole, 1, kLayers), 2).program;  // by now
    request.training.memory_budget = std::to_string(program + 2 * all.parameters + all.optimizer + room);
    const MemoryPlan plan = plan_memory(bench_makers(), request);
    EXPECT_LE(plan.memory.total(), request.training.budget_bytes()) << share;
    const auto expected = static_cast<double>(plan.memory.optimizer + plan.memory.parameters + plan.memory.step);
    const TaskRequest planned = with_plan(whole, plan.micro_batches, plan.checkpoint_layers);
    EXPECT_NEAR(static_cast<double>(measured_peak(planned)) / expected, 1.0, 0.1)
        << share << ": " << plan.micro_batches << " parts, " << plan.checkpoint_layers << " layers";
    EXPECT_GE(cost_of(plan, kBatch), cost_before) << share;
    cost_before = cost_of(plan, kBatch);
    EXPECT_EQ(cost_of(plan, kBatch) == cost_of({1, 0, {}}, kBatch), share > 1) << share;
    for (const std::int64_t parts : {1, 2, 3, 4, 6}) {
      for (std::int64_t layers = 0; layers <= kLayers; ++layers) {
        MemoryPlan other{parts, layers, {}};
        if (cost_of(other, kBatch) >= cost_of(plan, kBatch)) continue;
        other.memory = estimate_memory(bench_makers(), with_plan(whole, parts, layers));
        other.memory.program = plan.memory.program;
        EXPECT_GT(static_cast<double>(other.memory.total()),
                  0.97 * static_cast<double>(request.training.budget_bytes()))
            << share << ": " << parts << " parts, " << layers << " layers";
      }
    }
  }
}

TEST(MemoryBudget, TheRecipesOwnValuesAreTheLeast) {
  TaskRequest request = with_plan(request_of(12), 3, 2);
  request.training.memory_budget = "100GB";
  const MemoryPlan plan = plan_memory(bench_makers(), request);
  EXPECT_EQ(plan.micro_batches, 3);
  EXPECT_EQ(plan.checkpoint_layers, 2);
}

TEST(MemoryBudget, WhatCannotFitIsToldWithWhatToLower) {
  TaskRequest request = request_of(12);
  request.training.memory_budget = "1MB";
  const std::string message = message_of<InputError>([&] { plan_memory(bench_makers(), request); });
  EXPECT_THAT(message, HasSubstr("r.toml: training.memory_budget: this recipe needs at least "));
  EXPECT_THAT(message, HasSubstr("a step of 1 rows with all 4 blocks run again"));
  EXPECT_THAT(message, HasSubstr("got '1MB'; raise it, lower the net's width and layers"));
}

TEST(MemoryBudget, IsNotForScorers) {
  TaskRequest request{{toml::table{{"kind", "scorer"}}, "r.toml"}, {}, {}};
  request.training.memory_budget = "1GB";
  EXPECT_THAT(message_of<InputError>([&] { plan_memory(bench_makers(), request); }), HasSubstr("is not for scorers"));
}

TEST(MemoryBudget, BytesAreReadInTheUsualUnits) {
  EXPECT_EQ(parse_bytes("8000000000", "key"), 8'000'000'000);
  EXPECT_EQ(parse_bytes("1.5GB", "key"), 1'500'000'000);
  EXPECT_EQ(parse_bytes("512 MiB", "key"), 512 << 20);
  EXPECT_EQ(parse_bytes("2k", "key"), 2000);
  EXPECT_EQ(message_of<InputError>([] { parse_bytes("plenty", "memory_budget"); }),
            "memory_budget: must be bytes, such as '16GB', got 'plenty'");
  for (const char* wrong : {"", "GB", "-1GB", "3XB", "1GBB", "0"}) {
    EXPECT_THROW(parse_bytes(wrong, "key"), InputError) << wrong;
  }
}

// The program itself: its highest resident set against the budget, and what a run keeps of the plan.
TEST(MemoryBudget, ARunStaysWithinItAndKeepsWhatWasChosen) {
  TinyRun tiny;
  tiny.make_shards();
  tiny.folder.write("large.toml",
                    "base = 'backbone.toml'\n[backbone]\nwidth = 128\nlayers = 4\n"
                    "[training]\nsteps = 3\nbatch = 128\nwarmup_steps = 0\noptimizer = 'adamw'\n");
  const CommandOutcome dry = tiny.run("train large.toml --dry-run --json");
  ASSERT_EQ(dry.code, 0) << dry.err;
  const auto memory = nlohmann::json::parse(dry.out).at("memory_bytes");
  const auto step = memory.at("step").get<std::int64_t>();
  const std::int64_t budget = memory.at("total").get<std::int64_t>() - step * 6 / 10;
  const std::string command =
      "train large.toml --run ./runs/fitted --json training.memory_budget=" + std::to_string(budget);
  const CommandOutcome fitted = tiny.run(command);
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_EQ(fitted.err.find("[W"), std::string::npos) << fitted.err;  // no warnings of torch's own
  const double peak = nlohmann::json::parse(fitted.out).at("peak_memory_bytes");
  EXPECT_LT(peak, 1.1 * static_cast<double>(budget));
  const CommandOutcome whole = tiny.run("train large.toml --run ./runs/whole --json");
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_GT(nlohmann::json::parse(whole.out).at("peak_memory_bytes").get<double>(),
            peak + 0.3 * static_cast<double>(step));
  const toml::table recipe = toml::parse(tiny.folder.read("runs/fitted/recipe.toml"));
  const auto parts = recipe["training"]["micro_batches"].value_or(std::int64_t{0});
  const auto layers = recipe["backbone"]["checkpoint_layers"].value_or(std::int64_t{0});
  EXPECT_GT(parts + layers, 1);
  EXPECT_THAT(fitted.err, HasSubstr("training.memory_budget: micro_batches " + std::to_string(parts) +
                                    ", checkpoint_layers " + std::to_string(layers)));
  EXPECT_THAT(tiny.run(command).err, HasSubstr("all steps were done before"));
  const CommandOutcome other = tiny.run("train large.toml --run ./runs/fitted training.memory_budget=100GB");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("training.memory_budget"));
  EXPECT_THAT(other.err, HasSubstr("--accept-changes goes on with the new one"));
}

}  // namespace
}  // namespace palimpsest
