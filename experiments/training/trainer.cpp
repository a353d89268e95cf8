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
#include "base/safetensors.h"
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

// What travels beside the task's figures, under names that no figure has.
constexpr const char* kLoss = "/loss";
constexpr const char* kStop = "/stop";

StepReport step_report(std::map<std::string, double> figures) {
  StepReport report;
  report.loss = figures.extract(kLoss).mapped();
  report.stop = figures.extract(kStop).mapped() > 0;
  report.figures = std::move(figures);
  return report;
}

}  // namespace

StepReport training_step(TrainingTask& task, Optimizer& optimizer, const TrainingOptions& options,
                         std::int64_t position, Exchange& exchange) {
  const ParameterSet& parameters = task.parameters();
  const Peers& peers = exchange.peers();
  const std::int64_t count = options.micro_batches;
  const double share = 1.0 / static_cast<double>(count * peers.size());
  std::map<std::string, double> figures;
  clear_gradients(parameters);
  for (std::int64_t i = 0; i < count; ++i) {
    const LossReport part = task.loss({position, peers.rank() * count + i});
    exchange.before_backward(i + 1 == count);
    if (part.loss.requires_grad()) (part.loss * share).backward();  // what learns by counting has no gradient
    exchange.after_backward();
    figures[kLoss] += share * part.loss.item<double>();
    for (const auto& [name, value] : part.figures) figures[name] += share * value;
  }
  exchange.finish_gradients();
  figures[kStop] = interrupted() ? 1 : 0;
  StepReport report = step_report(exchange.sum(figures));
  report.gradient_norm = exchange.gradient_norm();
  report.applied = std::isfinite(report.loss) && std::isfinite(report.gradient_norm);
  if (report.applied) {
    const bool clipped = options.clip > 0 && report.gradient_norm > options.clip;
    optimizer.step(rate_factor(options, position), clipped ? options.clip / report.gradient_norm : 1.0);
    exchange.share_parameters();
    optimizer.finish_average();
  }
  clear_gradients(parameters);
  return report;
}

StepReport training_step(TrainingTask& task, Optimizer& optimizer, const TrainingOptions& options,
                         std::int64_t position) {
  Peers alone;
  Exchange exchange(task.parameters(), alone, false);
  return training_step(task, optimizer, options, position, exchange);
}

Trainer::Trainer(TrainingTask& task, const TrainingOptions& options, RunPlace place)
    : task_(task),
      options_(options),
      place_(std::move(place)),
      exchange_(task.parameters(), *place_.peers, options.shard_optimizer,
                options.shard_parameters ? task.blocked_net() : nullptr),
      optimizer_(options, exchange_.own(), place_.compute),
      average_(exchange_.kept(), options.ema),
      writer_(place_.directory, policy()) {
  optimizer_.carry(average_);
  state_.compute = c10::toString(place_.compute);
  if (const auto checkpoint = newest_checkpoint(place_.directory)) resume(*checkpoint);
}

void Trainer::resume(const std::filesystem::path& checkpoint) {
  CheckpointContent content = read_checkpoint(checkpoint);
  exchange_.load(std::move(content.model), (checkpoint / "model.safetensors").string());
  average_.load(content.average, content.state.updates, (checkpoint / "ema.safetensors").string());
  if (exchange_.sharded()) {
    const TensorMap own = optimizer_.state();
    std::erase_if(content.optimizer, [&own](const auto& entry) { return !own.contains(entry.first); });
  }
  optimizer_.load_state(content.optimizer, (checkpoint / "optimizer.safetensors").string());
  state_ = content.state;
  saved_step_ = state_.step;
  before_ = state_;
}

KeepPolicy Trainer::policy() const {
  return {options_.keep, options_.keep_every, options_.keep_best, options_.best == BestKind::kHighest};
}

void Trainer::open_logs() {
  if (!place_.peers->first()) return;
  log_.emplace(place_.directory / "log.jsonl", state_.step);
  events_.emplace(place_.directory, state_.step);
  if (state_.step == 0) {
    events_->text("recipe", "```toml\n" + place_.recipe + "```", 0);
    events_->settings(settings_of(place_.recipe));
  }
  progress_.emplace("training " + place_.directory.filename().string(), options_.steps, "step", state_.step);
}

TrainingState Trainer::train() {
  if (finished()) return state_;
  open_logs();
  gauge_.emplace(task_, place_.compute, place_.peers->size(), EnergyMeter(place_.powercap, place_.gpus));
  begin_ = Clock::now();
  bytes_before_ = bytes_logged_ = place_.peers->bytes_sent();
  logged_step_ = state_.step;
  while (!finished()) {
    const StepReport report = training_step(task_, optimizer_, options_, state_.step, exchange_);
    after_step(report);
    gauge_->step_done();
    if (progress_) progress_->update(state_.step, note_of(report, state_.skipped) + gauge_->note());
    failpoint("train.after_step");
    const bool best = (finished() || due(options_.validate_every)) && validate();
    if (options_.sample_every > 0 && (finished() || due(options_.sample_every))) sample();
    if (finished() || due(options_.checkpoint_every) || best || report.stop) save();
    writer_.check();
    if (report.stop && !finished()) {
      writer_.finish();
      throw Interrupted();
    }
  }
  writer_.finish();
  if (progress_) progress_->finish();
  return state_;
}

void Trainer::after_step(const StepReport& report) {
  if (report.applied) {
    state_.updates = average_.updates();
    add_to_window(state_.window, report);
    skipped_in_a_row_ = 0;
  } else {
    ++state_.skipped;
    if (++skipped_in_a_row_ >= options_.give_up_after) give_up();
  }
  ++state_.step;
  if (due(options_.log_every) || finished()) log_window();
}

// Each process writes the parts of the batch that it had.
void Trainer::give_up() {
  constexpr std::size_t kNamedSamples = 8;
  Peers& peers = *place_.peers;
  const std::filesystem::path folder = place_.directory / "rejected" / ("step-" + std::to_string(state_.step));
  std::filesystem::create_directories(folder);
  nlohmann::json samples = nlohmann::json::array();
  for (std::int64_t i = 0; i < options_.micro_batches; ++i) {
    const std::int64_t part = peers.rank() * options_.micro_batches + i;
    const MicroBatchContent content = task_.content({state_.step, part});
    write_safetensors(folder / ("part-" + std::to_string(part) + ".safetensors"), {content.tensors, {}});
    for (const std::string& key : content.samples) samples.push_back(key);
  }
  nlohmann::json all = nlohmann::json::array();
  for (const std::string& text : peers.gather(samples.dump())) {
    for (const auto& key : nlohmann::json::parse(text)) all.push_back(key);
  }
  if (!peers.first()) throw SaidElsewhere(1);
  write_file_atomically(folder / "samples.json",
                        nlohmann::json{{"step", state_.step}, {"samples", all}}.dump(1) + "\n");
  std::string named;
  for (std::size_t i = 0; i < std::min(kNamedSamples, all.size()); ++i) named += " " + all[i].get<std::string>();
  if (all.size() > kNamedSamples) named += " ...";
  throw Hopeless("training: loss or gradient was not finite for " + std::to_string(options_.give_up_after) +
                 " steps in a row; the last batch is in " + folder.string() + (named.empty() ? "" : ", of" + named) +
                 "; a smaller learning rate may help (--accept-changes)");
}

void Trainer::log_window() {
  const nlohmann::json window = std::exchange(state_.window, nlohmann::json::object());
  if (!log_) return;
  note_spent();
  nlohmann::json line{{"step", state_.step},
                      {"skipped", state_.skipped},
                      {"seconds", state_.seconds},
                      {"save_stall_seconds", state_.save_stall_seconds}};
  if (state_.joules) line["joules"] = *state_.joules;
  if (state_.gpu_joules) line["gpu_joules"] = *state_.gpu_joules;
  if (!place_.peers->alone()) {
    const double sent = place_.peers->bytes_sent();
    line["sent_bytes_a_step"] = (sent - std::exchange(bytes_logged_, sent)) /
                                static_cast<double>(state_.step - std::exchange(logged_step_, state_.step));
  }
  line["learning_rate"] = options_.learning_rate * rate_factor(options_, state_.step - 1);
  for (const auto& [name, entry] : window.items()) {
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
}

void Trainer::note_spent() {
  state_.seconds = before_.seconds + seconds_since(begin_);
  state_.save_stall_seconds = before_.save_stall_seconds + writer_.stalled_seconds();
  state_.sent_bytes = before_.sent_bytes + place_.peers->bytes_sent() - bytes_before_;
  EnergyMeter& energy = gauge_->energy();
  if (const auto joules = energy.joules()) state_.joules = before_.joules.value_or(0) + *joules;
  if (const auto joules = energy.gpu_joules()) state_.gpu_joules = before_.gpu_joules.value_or(0) + *joules;
}

bool Trainer::validate() {
  const ParameterAverage::Use use(average_);
  c10::NoGradGuard no_grad;
  const std::map<std::string, double> figures = task_.validate(state_.step);
  if (figures.empty()) return false;
  state_.validation = figures;
  state_.validated_step = state_.step;
  if (log_) {
    log_->write({{"step", state_.step}, {"validation", figures}});
    for (const auto& [name, value] : figures) events_->scalar("validation/" + name, value, state_.step);
    events_->flush();
  }
  return note_best(figures);
}

// The best figure so far is part of the state, so that a resumed run saves where an undisturbed one would have.
bool Trainer::note_best(const std::map<std::string, double>& figures) {
  if (options_.keep_best.empty()) return false;
  const auto figure = figures.find(options_.keep_best);
  if (figure == figures.end()) {
    std::vector<std::string> names;
    for (const auto& [name, value] : figures) names.push_back(name);
    throw InputError(
        "", "training.keep_best",
        "no validation figure is called '" + options_.keep_best + "'" + suggest(options_.keep_best, names));
  }
  const double value = figure->second;
  const bool better =
      !state_.best || (options_.best == BestKind::kHighest ? value > *state_.best : value < *state_.best);
  if (better) state_.best = value;
  return better;
}

// With the average, which is what ships.
void Trainer::sample() {
  const ParameterAverage::Use use(average_);
  exchange_.in_first([this] {
    const std::vector<TaskSamples> samples = task_.samples(options_.sample_count);
    if (samples.empty()) return;
    write_samples(sample_path(place_.directory, state_.step), samples);
    show_samples(*events_, samples, state_.step);
  });
}

void Trainer::save() {
  if (saved_step_ == state_.step) return;
  note_spent();
  saved_step_ = state_.step;
  TensorMap optimizer = exchange_.collect(optimizer_.state());
  TensorMap model = exchange_.collect_kept(exchange_.kept().values());
  TensorMap average = exchange_.collect_kept(average_.values());
  if (!place_.peers->first()) return;
  CheckpointContent content{std::move(model), std::move(average), std::move(optimizer), state_, place_.recipe};
  content.save_extras = [this](const std::filesystem::path& directory) {
    const ParameterAverage::Use use(average_);
    task_.save_extras(directory);
  };
  writer_.save(std::move(content));
}

Speed measure_speed(TrainingTask& task, const TrainingOptions& options, c10::ScalarType compute, std::int64_t steps) {
  constexpr std::int64_t kWarmUp = 2;
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, tensor] : task.parameters().items()) before[name] = tensor.detach().clone();
  Speed speed;
  {
    Optimizer optimizer(options, task.parameters(), compute);
    ParameterAverage average(task.parameters(), options.ema);
    optimizer.carry(average);
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
