#include "experiments/training/rate_finder.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "experiments/training/trainer.h"

namespace palimpsest {

namespace {

constexpr double kMemory = 0.9;    // of the smoothed loss
constexpr double kRunaway = 4.0;   // times the lowest loss: nothing is learnt beyond
constexpr std::int64_t kHalf = 3;  // steps on either side that a slope is taken over

// Every step at its own rate: the schedule is left out.
TrainingOptions at_constant_rate(TrainingOptions options, std::int64_t steps) {
  options.steps = steps;
  options.warmup_steps = 0;
  options.decay = DecayKind::kConstant;
  return options;
}

}  // namespace

void RateFinderOptions::validate() const {
  if (lowest <= 0 || highest <= lowest) {
    throw InputError("command line", "--highest", "must be above --lowest, and that above 0");
  }
  if (steps < 10) throw InputError("command line", "--steps", "must be at least 10 for --find-rate");
}

RateTrial find_rate(TrainingTask& task, const TrainingOptions& options, const RateFinderOptions& finder,
                    c10::ScalarType compute) {
  finder.validate();
  const TrainingOptions constant = at_constant_rate(options, finder.steps);
  Optimizer optimizer(constant, task.parameters(), compute);
  const double growth = std::log(finder.highest / finder.lowest) / static_cast<double>(finder.steps - 1);
  Progress progress("finding the learning rate", finder.steps, "step");
  RateTrial trial;
  double lowest = 1e300;
  for (std::int64_t step = 0; step < finder.steps; ++step) {
    stop_if_interrupted();
    const double rate = finder.lowest * std::exp(growth * static_cast<double>(step));
    optimizer.scale_rates(rate / options.learning_rate);
    const StepReport report = training_step(task, optimizer, constant, step);
    if (!report.applied) break;
    trial.rates.push_back(rate);
    trial.losses.push_back(report.loss);
    trial.smoothed = smoothed_losses(trial.losses);
    lowest = std::min(lowest, trial.smoothed.back());
    progress.update(step + 1);
    if (trial.smoothed.back() > kRunaway * std::abs(lowest) && step > finder.steps / 4) break;
  }
  progress.finish();
  trial.suggestion = suggested_rate(trial.rates, trial.smoothed);
  return trial;
}

std::vector<double> smoothed_losses(const std::vector<double>& losses) {
  std::vector<double> smoothed;
  double mean = 0, weight = 0;
  for (const double loss : losses) {
    mean = kMemory * mean + (1 - kMemory) * loss;
    weight = kMemory * weight + (1 - kMemory);
    smoothed.push_back(mean / weight);
  }
  return smoothed;
}

double suggested_rate(const std::vector<double>& rates, const std::vector<double>& smoothed) {
  const auto lowest = std::min_element(smoothed.begin(), smoothed.end()) - smoothed.begin();
  double steepest = 0, rate = 0;
  for (std::int64_t i = kHalf; i + kHalf < std::ssize(smoothed) && i <= lowest; ++i) {
    const auto at = [](const std::vector<double>& values, std::int64_t index) {
      return values[static_cast<std::size_t>(index)];
    };
    const double slope =
        (at(smoothed, i + kHalf) - at(smoothed, i - kHalf)) / std::log(at(rates, i + kHalf) / at(rates, i - kHalf));
    if (slope < steepest) steepest = slope, rate = at(rates, i);
  }
  return rate;
}

}  // namespace palimpsest
