#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {

namespace {

void check_share(double value, const char* key) {
  if (!(value >= 0 && value <= 1)) throw InputError("", key, "must be a probability in [0, 1]");
}

// Times that stop where as much is kept as is hit at the floor: there must be some between.
void check_floor(const ScheduleOptions& schedule, const std::string& key) {
  if (NoiseSchedule(schedule).alpha(schedule.floor) > 0.5) return;
  throw InputError("", key + ".floor", "leaves no times: it must keep more than half, for times end as far from 1");
}

// Options that are each right, but not together.
void check_together(const DiffusionOptions& options) {
  const bool absorbing = options.process.kind == ProcessKind::kAbsorbing;
  const std::string process = "process.kind = \"" + enum_name(options.process.kind) + "\"";
  if (options.complementary && !absorbing) {
    throw InputError("", "complementary",
                     "needs process.kind = \"absorbing\": no mask, no complement, with " + process);
  }
  if (options.complementary || !absorbing) {
    check_floor(options.schedule, "schedule");
    for (const auto& [modality, own] : options.schedules) check_floor(own, "schedules." + modality);
  }
  if (options.objective.kind == ObjectiveKind::kScoreEntropy && options.process.kind == ProcessKind::kInterpolated) {
    throw InputError("", "objective.kind",
                     "\"score-entropy\" is defined for absorbing and uniform, not for " + process);
  }
  if (options.objective.focal != 0 && options.objective.kind != ObjectiveKind::kSimplified && !absorbing) {
    throw InputError("", "objective.focal",
                     "needs objective.kind = \"simplified\" with " + process + ", whose bound is no cross-entropy");
  }
}

}  // namespace

void DiffusionOptions::validate() const {
  check_share(conditional, "conditional");
  check_share(hide_given, "hide_given");
  if (!(end_weight >= 0)) throw InputError("", "end_weight", "must not be negative");
  for (const auto& [modality, weight] : weights) {
    if (!(weight >= 0)) throw InputError("", "weights." + modality, "must not be negative");
  }
  for (const auto& [role, odds] : given_odds) {
    if (!(odds > 0)) throw InputError("", "given_odds." + role, "must be above 0");
  }
  schedule.validate();
  for (const auto& [modality, own] : schedules) own.validate();
  process.validate();
  times.validate();
  validate_patterns(patterns);
  objective.validate();
  check_together(*this);
}

NoiseSchedule DiffusionOptions::schedule_of(const std::string& modality) const {
  const auto found = schedules.find(modality);
  return NoiseSchedule(found == schedules.end() ? schedule : found->second);
}

double DiffusionOptions::weight_of(const std::string& modality) const {
  const auto found = weights.find(modality);
  return found == weights.end() ? 1.0 : found->second;
}

double DiffusionOptions::given_odds_of(const std::string& role) const {
  const auto found = given_odds.find(role);
  return found == given_odds.end() ? 1.0 : found->second;
}

DiffusionOptions DiffusionOptions::for_validation() const {
  DiffusionOptions plain = *this;
  plain.times = {};
  plain.patterns.clear();
  plain.complementary = false;
  plain.objective = {};
  if (objective.kind == ObjectiveKind::kScoreEntropy) plain.objective.kind = objective.kind;
  return plain;
}

}  // namespace palimpsest
