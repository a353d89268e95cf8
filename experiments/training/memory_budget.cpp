#include "experiments/training/memory_budget.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backbone/transformer/transformer_options.h"
#include "base/errors.h"
#include "base/progress.h"

namespace palimpsest {

namespace {

constexpr double kPartPositions = 64, kPartPositionsCuda = 512;
constexpr std::int64_t kFewRows = 2;

std::string budget_bytes_text(std::int64_t bytes) { return human_count(static_cast<double>(bytes)) + "B"; }

void set_whole_number(toml::table& recipe, const char* table, const char* key, std::int64_t value) {
  if (!recipe.get(table)) recipe.insert(table, toml::table{});
  recipe[table].as_table()->insert_or_assign(key, value);
}

// Every plan of one request, and what each of them takes.
class PlanSearch {
 public:
  PlanSearch(const TaskMakers& makers, const TaskRequest& request)
      : makers_(makers), request_(request), budget_(request.training.budget_bytes()) {
    processes_ = request.num_processes();
    least_parts_ = request.training.micro_batches / processes_;
    if (recipe_kind(request.recipe) == "backbone") {
      const auto net = recipe_options<TransformerOptions>(request.recipe, "backbone");
      layers_ = net.layers;
      least_layers_ = net.checkpoint_layers;
    }
    for (std::int64_t parts = least_parts_; parts * processes_ <= request.training.batch; ++parts) {
      if (request.training.batch % (parts * processes_) == 0) parts_.push_back(parts);
    }
  }

  MemoryPlan find() {
    const MemoryProbe frugal = probe(kFewRows, layers_);
    program_ = frugal.program;
    const MemoryPlan smallest = plan_of(frugal, parts_.back(), layers_);
    if (!fits(smallest)) refuse(smallest);
    recomputed_ = probe_more(frugal, layers_);
    kept_ = layers_ == least_layers_ ? recomputed_ : probe_more(probe(kFewRows, least_layers_), least_layers_);
    for (const MemoryPlan& guess : guesses_by_cost()) {
      if (!fits(guess)) continue;
      const MemoryProbe own = probe(std::min(probe_rows(request_.training), rows_of(guess)), guess.checkpoint_layers);
      const MemoryPlan measured = plan_of(own, guess.micro_batches, guess.checkpoint_layers);
      if (fits(measured)) return measured;
    }
    return smallest;
  }

 private:
  std::int64_t rows_of(const MemoryPlan& plan) const {
    return request_.training.batch / (plan.micro_batches * processes_);
  }
  bool fits(const MemoryPlan& plan) const { return plan.memory.held(request_.machine) <= budget_; }

  MemoryProbe probe(std::int64_t rows, std::int64_t layers) const {
    TaskRequest changed = request_;
    if (layers_ > 0) set_whole_number(changed.recipe.table, "backbone", "checkpoint_layers", layers);
    return probe_memory(makers_, changed, rows);
  }

  // The same with more rows, which tells more, as far as the budget reaches.
  MemoryProbe probe_more(const MemoryProbe& few, std::int64_t layers) const {
    const MemoryEstimate fixed{program_, few.parameters, few.optimizer, 0};
    const double room = static_cast<double>(budget_ - fixed.held(request_.machine));
    const double a_row =
        static_cast<double>(std::max<std::int64_t>(1, few.activations)) / static_cast<double>(few.rows);
    const auto rows =
        static_cast<std::int64_t>(std::min(room / a_row, static_cast<double>(probe_rows(request_.training))));
    return rows > few.rows ? probe(rows, layers) : few;
  }

  MemoryPlan plan_of(const MemoryProbe& probe, std::int64_t parts, std::int64_t layers) const {
    TaskRequest cut = request_;
    cut.training.micro_batches = parts * processes_;
    MemoryPlan plan{parts, layers, scale_memory(probe, cut)};
    plan.memory.program = program_;  // what earlier probes have freed is still this process's
    return plan;
  }

  // Between what was measured with as few blocks run again as may be and with all of them.
  MemoryPlan guess(std::int64_t parts, std::int64_t layers) const {
    MemoryPlan plan = plan_of(kept_, parts, layers);
    if (layers == least_layers_) return plan;
    const double share = static_cast<double>(layers - least_layers_) / static_cast<double>(layers_ - least_layers_);
    const double kept = static_cast<double>(plan.memory.step);
    const double recomputed = static_cast<double>(plan_of(recomputed_, parts, layers).memory.step);
    plan.memory.step = static_cast<std::int64_t>(kept + share * (recomputed - kept));
    return plan;
  }

  std::vector<MemoryPlan> guesses_by_cost() const {
    std::vector<MemoryPlan> plans;
    for (const std::int64_t parts : parts_) {
      for (std::int64_t layers = least_layers_; layers <= layers_; ++layers) plans.push_back(guess(parts, layers));
    }
    const auto cost = [this](const MemoryPlan& plan) {
      const double positions = static_cast<double>(rows_of(plan)) * kept_.units_a_row;
      return memory_plan_cost(plan, layers_, positions, request_.machine.device.is_cuda());
    };
    std::stable_sort(plans.begin(), plans.end(), [&](const auto& a, const auto& b) { return cost(a) < cost(b); });
    return plans;
  }

  [[noreturn]] void refuse(const MemoryPlan& smallest) const {
    const MemoryEstimate& memory = smallest.memory;
    std::string parts = request_.machine.device.is_cuda() ? "" : "program " + budget_bytes_text(memory.program) + ", ";
    parts += "parameters " + budget_bytes_text(memory.parameters) + ", average " +
             budget_bytes_text(memory.parameters) + ", optimizer " + budget_bytes_text(memory.optimizer) +
             ", a step of " + std::to_string(rows_of(smallest)) + " rows " +
             (layers_ > 0 ? "with all " + std::to_string(layers_) + " blocks run again " : "") +
             budget_bytes_text(memory.step);
    throw InputError(request_.recipe.file, "training.memory_budget",
                     "this recipe needs at least " + budget_bytes_text(memory.held(request_.machine)) + " (" + parts +
                         "), got '" + request_.training.memory_budget +
                         "'; raise it, lower the net's width and layers or the bounds of [canvas.roles], or take an "
                         "optimizer that remembers less");
  }

  const TaskMakers& makers_;
  const TaskRequest& request_;
  std::int64_t budget_, processes_ = 1, least_parts_ = 1, least_layers_ = 0, layers_ = 0;
  std::vector<std::int64_t> parts_;
  std::int64_t program_ = 0;
  MemoryProbe kept_, recomputed_;
};

// What the run was begun with, if the same was asked for then.
std::optional<MemoryPlan> plan_of_run(const TaskRequest& request, const toml::table& begun) {
  const auto budget = begun["training"]["memory_budget"].value<std::string>();
  if (!budget || *budget != request.training.memory_budget) return std::nullopt;
  MemoryPlan plan;
  plan.micro_batches = begun["training"]["micro_batches"].value_or(std::int64_t{1});
  plan.checkpoint_layers = begun["backbone"]["checkpoint_layers"].value_or(std::int64_t{0});
  return plan;
}

// Of the first process, for all.
MemoryPlan plan_together(const TaskMakers& makers, const TaskRequest& request) {
  Peers& peers = *request.peers;
  if (peers.alone()) return plan_memory(makers, request);
  MemoryPlan plan;
  nlohmann::json said;
  std::exception_ptr refusal;
  if (peers.first()) {
    try {
      plan = plan_memory(makers, request);
      said = {plan.micro_batches, plan.checkpoint_layers};
    } catch (const InputError&) {
      refusal = std::current_exception();
    }
  }
  said = nlohmann::json::parse(peers.gather(said.dump()).front());
  if (refusal) std::rethrow_exception(refusal);
  if (said.is_null()) throw SaidElsewhere(2);
  plan.micro_batches = said[0];
  plan.checkpoint_layers = said[1];
  return plan;
}

}  // namespace

double memory_plan_cost(const MemoryPlan& plan, std::int64_t layers, double positions_a_part, bool on_gpu) {
  const double again =
      layers > 0 ? static_cast<double>(plan.checkpoint_layers) / (3.0 * static_cast<double>(layers)) : 0.0;
  return again + (on_gpu ? kPartPositionsCuda : kPartPositions) / positions_a_part;
}

MemoryPlan plan_memory(const TaskMakers& makers, const TaskRequest& request) {
  return with_lines(request.recipe, [&] {
    if (recipe_kind(request.recipe) == "scorer") {
      throw InputError(request.recipe.file, "training.memory_budget",
                       "is not for scorers, whose loss compares the samples of a micro-batch: choose micro_batches");
    }
    return PlanSearch(makers, request).find();
  });
}

std::optional<MemoryPlan> fit_memory(const TaskMakers& makers, TaskRequest& request, const toml::table* begun) {
  if (request.training.budget_bytes() == 0) return std::nullopt;
  const std::optional<MemoryPlan> before = begun ? plan_of_run(request, *begun) : std::nullopt;
  const MemoryPlan plan = before ? *before : plan_together(makers, request);
  request.training.micro_batches = plan.micro_batches * request.num_processes();
  set_whole_number(request.recipe.table, "training", "micro_batches", plan.micro_batches);
  if (recipe_kind(request.recipe) == "backbone")
    set_whole_number(request.recipe.table, "backbone", "checkpoint_layers", plan.checkpoint_layers);
  if (before) return std::nullopt;
  return plan;
}

}  // namespace palimpsest
