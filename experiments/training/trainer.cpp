#include "experiments/training/trainer.h"

#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "base/errors.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/recipe.h"
#include "experiments/training/learning_rate.h"
#include "experiments/training/sample_files.h"

namespace palimpsest {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kHopelessSteps = 100;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::string short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string note_of(const StepReport& report, std::int64_t skipped) {
  std::string note = "loss " + short_number(report.loss);
  for (const auto& [name, value] : report.figures) note += "  " + name + " " + short_number(value);
  if (skipped > 0) note += "  skipped " + std::to_string(skipped);
  return note;
}

// The recipe's single values by dotted key.
std::map<std::string, TensorBoardWriter::Setting> settings_of(const std::string& recipe) {
  std::map<std::string, TensorBoardWriter::Setting> settings;
  const toml::table table = toml::parse(recipe);
  for (const auto& [key, value] : recipe_values(table)) {
    if (const auto number = value->value<double>(); number && !value->is_boolean()) settings[key] = *number;
    if (const auto text = value->value<std::string>()) settings[key] = *text;
    if (const auto on = value->as_boolean()) settings[key] = on->get();
  }
  return settings;
}

// Adds a step to the sums since the last line of the log.
void add_to_window(nlohmann::json& window, const StepReport& report) {
  const auto add = [&window](const std::string& name, double value) {
    nlohmann::json& entry = window[name];
    if (entry.is_null()) entry = {{"sum", 0.0}, {"count", 0}};
    entry["sum"] = entry["sum"].get<double>() + value;
    entry["count"] = entry["count"].get<std::int64_t>() + 1;
  };
  add("loss", report.loss);
  add("gradient_norm", report.gradient_norm);
  for (const auto& [name, value] : report.figures) add(name, value);
}

}  // namespace

StepReport training_step(TrainingTask& task, Optimizer& optimizer, const TrainingOptions& options,
                         std::int64_t position) {
  StepReport report;
  const ParameterSet& parameters = task.parameters();
  const double share = 1.0 / static_cast<double>(options.micro_batches);
  clear_gradients(parameters);
  for (std::int64_t micro_batch = 0; micro_batch < options.micro_batches; ++micro_batch) {
    const LossReport part = task.loss({position, micro_batch});
    if (part.loss.requires_grad()) (part.loss * share).backward();  // what learns by counting has no gradient
    report.loss += share * part.loss.item<double>();
    for (const auto& [name, value] : part.figures) report.figures[name] += share * value;
  }
  report.gradient_norm = gradient_norm(parameters);
  report.applied = std::isfinite(report.loss) && std::isfinite(report.gradient_norm);
  if (report.applied) {
    if (options.clip > 0 && report.gradient_norm > options.clip) {
      scale_gradients(parameters, options.clip / report.gradient_norm);
    }
    optimizer.step(rate_factor(options, position));
  }
  clear_gradients(parameters);
  return report;
}

Trainer::Trainer(TrainingTask& task, const TrainingOptions& options, RunPlace place)
    : task_(task),
      options_(options),
      place_(std::move(place)),
      optimizer_(options, task.parameters(), place_.compute),
      average_(task.parameters(), options.ema) {
  state_.compute = c10::toString(place_.compute);
  if (const auto checkpoint = newest_checkpoint(place_.directory)) resume(*checkpoint);
}

void Trainer::resume(const std::filesystem::path& checkpoint) {
  const CheckpointContent content = read_checkpoint(checkpoint);
  task_.parameters().load(content.model, (checkpoint / "model.safetensors").string());
  average_.load(content.average, (checkpoint / "ema.safetensors").string());
  optimizer_.load_state(content.optimizer, (checkpoint / "optimizer.safetensors").string());
  state_ = content.state;
  saved_step_ = state_.step;
  seconds_before_ = state_.seconds;
}

TrainingState Trainer::train() {
  if (finished()) return state_;
  log_.emplace(place_.directory / "log.jsonl", state_.step);
  events_.emplace(place_.directory, state_.step);
  if (state_.step == 0) {
    events_->text("recipe", "```toml\n" + place_.recipe + "```", 0);
    events_->settings(settings_of(place_.recipe));
  }
  gauge_.emplace(task_, place_.compute);
  begin_ = Clock::now();
  Progress progress("training " + place_.directory.filename().string(), options_.steps, "step", state_.step);
  while (!finished()) {
    const StepReport report = training_step(task_, optimizer_, options_, state_.step);
    after_step(report);
    gauge_->step_done();
    progress.update(state_.step, note_of(report, state_.skipped) + gauge_->note());
    failpoint("train.after_step");
    if (finished() || due(options_.validate_every)) validate();
    if (options_.sample_every > 0 && (finished() || due(options_.sample_every))) sample();
    if (finished() || due(options_.checkpoint_every) || interrupted()) save();
    if (!finished()) stop_if_interrupted();
  }
  progress.finish();
  return state_;
}

void Trainer::after_step(const StepReport& report) {
  if (report.applied) {
    average_.update(state_.updates++);
    add_to_window(state_.window, report);
    skipped_in_a_row_ = 0;
  } else {
    ++state_.skipped;
    TORCH_CHECK(++skipped_in_a_row_ < kHopelessSteps, "training: loss or gradient was not finite for ", kHopelessSteps,
                " steps in a row; a smaller learning rate may help");
  }
  ++state_.step;
  if (due(options_.log_every) || finished()) log_window();
}

void Trainer::log_window() {
  state_.seconds = seconds_before_ + seconds_since(begin_);
  nlohmann::json line{{"step", state_.step}, {"skipped", state_.skipped}, {"seconds", state_.seconds}};
  line["learning_rate"] = options_.learning_rate * rate_factor(options_, state_.step - 1);
  for (const auto& [name, entry] : state_.window.items()) {
    line[name] = entry["sum"].get<double>() / entry["count"].get<double>();
  }
  log_->write(line);
  for (const auto& [name, value] : line.items()) {
    if (name != "step" && value.is_number()) events_->scalar("train/" + name, value.get<double>(), state_.step);
  }
  for (const auto& [name, value] : gauge_->figures()) {
    events_->scalar("speed/" + name + (name == "mfu" ? "" : "_per_second"), value, state_.step);
  }
  events_->flush();
  state_.window = nlohmann::json::object();
}

void Trainer::validate() {
  const ParameterAverage::Use use(average_);
  c10::NoGradGuard no_grad;
  const std::map<std::string, double> figures = task_.validate(state_.step);
  if (figures.empty()) return;
  state_.validation = figures;
  log_->write({{"step", state_.step}, {"validation", figures}});
  for (const auto& [name, value] : figures) events_->scalar("validation/" + name, value, state_.step);
  events_->flush();
}

// With the average, which is what ships.
void Trainer::sample() {
  const ParameterAverage::Use use(average_);
  const std::vector<TaskSamples> samples = task_.samples(options_.sample_count);
  if (samples.empty()) return;
  write_samples(sample_path(place_.directory, state_.step), samples);
  show_samples(*events_, samples, state_.step);
}

void Trainer::save() {
  if (saved_step_ == state_.step) return;
  state_.seconds = seconds_before_ + seconds_since(begin_);
  CheckpointContent content{task_.parameters().values(), average_.values(), optimizer_.state(), state_, place_.recipe};
  content.save_extras = [this](const std::filesystem::path& directory) {
    const ParameterAverage::Use use(average_);
    task_.save_extras(directory);
  };
  write_checkpoint(place_.directory, content);
  prune_checkpoints(place_.directory, options_.keep);
  saved_step_ = state_.step;
}

Speed measure_speed(TrainingTask& task, const TrainingOptions& options, c10::ScalarType compute, std::int64_t steps) {
  constexpr std::int64_t kWarmUp = 2;
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, tensor] : task.parameters().items()) before[name] = tensor.detach().clone();
  Speed speed;
  {
    Optimizer optimizer(options, task.parameters(), compute);
    Clock::time_point begin = Clock::now();
    for (std::int64_t step = 0; step < kWarmUp + steps; ++step) {
      if (step == kWarmUp) begin = Clock::now();
      training_step(task, optimizer, options, step);
    }
    speed.seconds_a_step = seconds_since(begin) / static_cast<double>(steps);
  }
  task.parameters().load(before, "parameters before the probe");
  c10::NoGradGuard no_grad;
  const Clock::time_point begin = Clock::now();
  task.validate(0);
  speed.seconds_a_validation = seconds_since(begin);
  return speed;
}

}  // namespace palimpsest
