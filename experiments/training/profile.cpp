#include "experiments/training/profile.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/files.h"
#include "base/torch_messages.h"
#include "experiments/training/optimizer.h"
#include "experiments/training/trainer.h"

namespace palimpsest {

namespace {

namespace profiler = torch::autograd::profiler;

constexpr std::int64_t kStepsBefore = 2;
constexpr double kMebibyte = 1 << 20;

// The task, with its part of a step under a name.
class NamedTask : public TrainingTask {
 public:
  explicit NamedTask(TrainingTask& task) : task_(task) {}
  ParameterSet& parameters() override { return task_.parameters(); }
  LossReport loss(const StepPosition& position) override {
    RECORD_FUNCTION("palimpsest::loss", {});
    return task_.loss(position);
  }
  std::map<std::string, double> validate(std::int64_t) override { return {}; }
  std::map<std::string, double> units_a_step() const override { return task_.units_a_step(); }
  void save_extras(const std::filesystem::path&) const override {}

 private:
  TrainingTask& task_;
};

// The recording of everything that runs while it lives.
class Recording {
 public:
  Recording() {
    const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO,
                                                       /*report_input_shapes=*/false, /*profile_memory=*/true);
    const std::set<torch::profiler::impl::ActivityType> activities{torch::profiler::impl::ActivityType::CPU};
    profiler::prepareProfiler(config, activities);
    profiler::enableProfiler(config, activities);
  }
  ~Recording() {
    if (!ended_) profiler::disableProfiler();
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  std::unique_ptr<profiler::ProfilerResult> end() {
    ended_ = true;
    return profiler::disableProfiler();
  }

 private:
  QuietTorch quiet_;
  bool ended_ = false;
};

// "torch::autograd::CppNode<palimpsest::(anonymous namespace)::SwigluFunction>" -> "SwigluFunction, backward".
std::string short_name(const std::string& name) {
  const std::string node = "torch::autograd::CppNode<";
  const std::size_t begin = name.find(node);
  if (begin == std::string::npos) return name;
  const std::size_t end = name.find('>', begin), colon = name.rfind(':', end);
  return name.substr(colon + 1, end - colon - 1) + ", backward";
}

// What runs on one thread at one time, innermost last: events of a thread lie within each other or apart.
class OwnTimes {
 public:
  void add(const profiler::KinetoEvent& event) {
    while (!open_.empty() && open_.back().end <= event.startNs()) open_.pop_back();
    if (event.name() == "[memory]") {
      if (!open_.empty() && event.nBytes() > 0) rows_[open_.back().name].allocated_mb += event.nBytes() / kMebibyte;
      return;
    }
    const std::string name = short_name(event.name());
    const double milliseconds = static_cast<double>(event.durationNs()) * 1e-6;
    if (!open_.empty()) rows_[open_.back().name].own_ms -= milliseconds;
    ProfileRow& row = rows_[name];
    ++row.calls;
    row.own_ms += milliseconds;
    open_.push_back({name, event.endNs()});
  }
  void next_thread() { open_.clear(); }
  const std::map<std::string, ProfileRow>& rows() const { return rows_; }

 private:
  struct Open {
    std::string name;
    std::uint64_t end;
  };
  std::vector<Open> open_;
  std::map<std::string, ProfileRow> rows_;
};

std::map<std::string, ProfileRow> own_times(const profiler::ProfilerResult& result) {
  std::map<std::uint64_t, std::vector<const profiler::KinetoEvent*>> threads;
  for (const profiler::KinetoEvent& event : result.events()) threads[event.startThreadId()].push_back(&event);
  OwnTimes times;
  for (auto& [thread, events] : threads) {
    std::stable_sort(events.begin(), events.end(), [](const auto* a, const auto* b) {
      return std::pair(a->startNs(), b->durationNs()) < std::pair(b->startNs(), a->durationNs());
    });
    times.next_thread();
    for (const profiler::KinetoEvent* event : events) times.add(*event);
  }
  return times.rows();
}

// Kineto writes where it is told to, at once.
void write_trace(profiler::ProfilerResult& result, const std::filesystem::path& trace) {
  const std::filesystem::path unfinished = trace.string() + ".part";
  result.save(unfinished.string());
  const std::string content = read_file(unfinished);
  std::filesystem::remove(unfinished);
  write_file_atomically(trace, content);
}

}  // namespace

Profile profile_training(TrainingTask& task, const TrainingOptions& options, c10::ScalarType compute,
                         std::int64_t steps, const std::filesystem::path& trace) {
  NamedTask named(task);
  Optimizer optimizer(options, task.parameters(), compute);
  ParameterAverage average(task.parameters(), options.ema);
  optimizer.carry(average);
  for (std::int64_t step = 0; step < kStepsBefore; ++step) training_step(named, optimizer, options, step);
  Recording recording;
  const auto begin = std::chrono::steady_clock::now();
  for (std::int64_t step = 0; step < steps; ++step) {
    RECORD_FUNCTION("palimpsest::step", {});
    training_step(named, optimizer, options, kStepsBefore + step);
  }
  const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - begin;
  const auto result = recording.end();
  write_trace(*result, trace);
  const double count = static_cast<double>(steps);
  Profile profile{steps, wall.count() / count, {}};
  for (const auto& [name, sums] : own_times(*result)) {
    profile.rows.push_back(
        {name, sums.calls, sums.own_ms / count, sums.own_ms / wall.count(), sums.allocated_mb / count});
  }
  std::stable_sort(profile.rows.begin(), profile.rows.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.own_ms > b.own_ms; });
  return profile;
}

}  // namespace palimpsest
