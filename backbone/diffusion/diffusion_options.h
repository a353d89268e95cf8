// What the recipe's table [diffusion] says: process, schedules, times, patterns, objective, how roles are given.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>

#include "backbone/diffusion/objective_options.h"
#include "backbone/diffusion/pattern_options.h"
#include "backbone/diffusion/process.h"
#include "backbone/diffusion/schedule.h"
#include "backbone/diffusion/times.h"

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
  double conditional = 0.8;                  // share of documents with at least one role given clean
  std::map<std::string, double> given_odds;  // of a role to be among the given ones, default 1
  double hide_given = 0.1;  // probability that a given role is hidden whole: masked and invisible, no loss
  double end_weight = 1.0;  // loss weight of `end` filling in elastic roles after the first
  ProcessOptions process;
  TimesOptions times;
  PatternMixture patterns;  // empty: iid
  ObjectiveOptions objective;
  bool complementary = false;  // each document twice in a row, the second time masked where the first was not

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("schedule", self.schedule, "noise schedule of every modality without its own");
    visitor("schedules", self.schedules, "noise schedule by modality");
    visitor("weights", self.weights, "loss weight by modality, default 1");
    visitor("normalisation", self.normalisation, "per-modality: mean of each, then weighted sum; per-token: one mean");
    visitor("conditional", self.conditional, "share of documents with at least one role given clean");
    visitor("given_odds", self.given_odds, "odds of a role to be among the given ones, default 1");
    visitor("hide_given", self.hide_given, "probability that a given role is hidden whole (condition dropout)");
    visitor("end_weight", self.end_weight, "loss weight of the end filling after the first end");
    visitor("process", self.process, "what noise makes of a token");
    visitor("times", self.times, "how noise times are drawn");
    visitor("patterns", self.patterns, "which positions are noised together, by name; none: each for itself");
    visitor("objective", self.objective, "what is made of a prediction");
    visitor("complementary", self.complementary, "documents come twice, masked where the other is not");
  }
  void validate() const;

  NoiseSchedule schedule_of(const std::string& modality) const;
  double weight_of(const std::string& modality) const;
  double given_odds_of(const std::string& role) const;

  // The sample that a global index stands for: each has two of them when masks are complementary.
  std::int64_t sample_of(std::int64_t global_index) const { return complementary ? global_index / 2 : global_index; }

  // The same model's bound, plainly estimated: iid masks, uniform stratified times, no pairs, no training objective but
  // the parametrisation of the logits. For validation, whose figures are comparable only then.
  DiffusionOptions for_validation() const;
};

}  // namespace palimpsest
