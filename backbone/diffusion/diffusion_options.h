// What the recipe's table [diffusion] says: schedules, the objective's weights, how roles are given in training.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>

#include "backbone/diffusion/schedule.h"

namespace palimpsest {

enum class LossNormalisation { kPerModality, kPerToken };
constexpr auto enum_names(LossNormalisation) {
  return std::array{std::pair{LossNormalisation::kPerModality, "per-modality"},
                    std::pair{LossNormalisation::kPerToken, "per-token"}};
}

struct DiffusionOptions {
  ScheduleOptions schedule;                                           // of every modality without its own
  std::map<std::string, ScheduleOptions> schedules;                   // by modality
  std::map<std::string, double> weights;                              // loss weight by modality, default 1
  LossNormalisation normalisation = LossNormalisation::kPerModality;  // mean a modality, then weighted sum
  double conditional = 0.8;  // share of documents with at least one role given clean
  double hide_given = 0.1;   // probability that a given role is hidden whole: masked and invisible, no loss
  double end_weight = 1.0;   // loss weight of `end` filling in elastic roles after the first

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("schedule", self.schedule, "noise schedule of every modality without its own");
    visitor("schedules", self.schedules, "noise schedule by modality");
    visitor("weights", self.weights, "loss weight by modality, default 1");
    visitor("normalisation", self.normalisation, "per-modality: mean of each, then weighted sum; per-token: one mean");
    visitor("conditional", self.conditional, "share of documents with at least one role given clean");
    visitor("hide_given", self.hide_given, "probability that a given role is hidden whole (condition dropout)");
    visitor("end_weight", self.end_weight, "loss weight of the end filling after the first end");
  }
  void validate() const;

  NoiseSchedule schedule_of(const std::string& modality) const;
  double weight_of(const std::string& modality) const;
};

}  // namespace palimpsest
