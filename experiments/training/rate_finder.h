// The learning-rate finder: a short run whose rate grows from step to step (arXiv 1506.01186).
#pragma once

#include <string>
#include <vector>

#include "experiments/training/task_factory.h"

namespace palimpsest {

struct RateFinderOptions {
  double lowest = 1e-6, highest = 1.0;  // of training.learning_rate; Muon's own rate keeps its proportion to it
  std::int64_t steps = 100;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("lowest", self.lowest, "learning rate that --find-rate begins with");
    visitor("highest", self.highest, "learning rate that --find-rate ends with");
    visitor("steps", self.steps, "steps of --find-rate");
  }
  void validate() const;
};

struct RateTrial {
  std::vector<double> rates, losses, smoothed;  // one a step; ends early where the loss has run away
  double suggestion = 0;                        // 0: the loss never fell
};

// Steps the task's parameters, which are lost with it. The suggestion is the rate at which the smoothed loss falls
// fastest by the logarithm of the rate, before its lowest point.
RateTrial find_rate(TrainingTask& task, const TrainingOptions& options, const RateFinderOptions& finder,
                    c10::ScalarType compute);

// Exponential mean with its bias taken off, and the suggestion made of it; apart from the run for its tests.
std::vector<double> smoothed_losses(const std::vector<double>& losses);
double suggested_rate(const std::vector<double>& rates, const std::vector<double>& smoothed);

}  // namespace palimpsest
