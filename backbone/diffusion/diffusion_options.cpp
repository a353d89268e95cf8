#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {

namespace {

void check_share(double value, const char* key) {
  if (!(value >= 0 && value <= 1)) throw InputError("", key, "must be a probability in [0, 1]");
}

}  // namespace

void DiffusionOptions::validate() const {
  check_share(conditional, "conditional");
  check_share(hide_given, "hide_given");
  if (!(end_weight >= 0)) throw InputError("", "end_weight", "must not be negative");
  for (const auto& [modality, weight] : weights) {
    if (!(weight >= 0)) throw InputError("", "weights." + modality, "must not be negative");
  }
  schedule.validate();
  for (const auto& [modality, own] : schedules) own.validate();
}

NoiseSchedule DiffusionOptions::schedule_of(const std::string& modality) const {
  const auto found = schedules.find(modality);
  return NoiseSchedule(found == schedules.end() ? schedule : found->second);
}

double DiffusionOptions::weight_of(const std::string& modality) const {
  const auto found = weights.find(modality);
  return found == weights.end() ? 1.0 : found->second;
}

}  // namespace palimpsest
