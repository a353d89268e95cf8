#include "pipelines/sampling/options.h"

#include <cmath>

namespace palimpsest {

namespace {

void require(bool holds, const std::string& key, const std::string& rule) {
  if (!holds) throw InputError("", key, rule);
}

void validate_draw(const DrawOptions& draw, const std::string& prefix) {
  require(std::isfinite(draw.temperature) && draw.temperature >= 0, prefix + "temperature", "must be 0 or more");
  require(draw.top_k >= 0, prefix + "top_k", "must be 0 (all) or more");
  require(draw.top_p > 0 && draw.top_p <= 1, prefix + "top_p", "must be above 0 and at most 1");
}

}  // namespace

void SamplerOptions::validate() const {
  require(steps >= 1, "steps", "must be at least 1, got " + std::to_string(steps));
  require(std::isfinite(guidance) && guidance >= 0, "guidance", "must be 0 (unconditional) or more; 1 is no guidance");
  require(std::isfinite(choice_noise) && choice_noise >= 0, "choice_noise", "must be 0 or more");
  validate_draw({temperature, top_k, top_p}, "");
  for (const auto& [name, role] : roles) validate_draw(draw(name), "roles." + name + ".");
}

DrawOptions SamplerOptions::draw(const std::string& role) const {
  DrawOptions result{temperature, top_k, top_p};
  const auto found = roles.find(role);
  if (found == roles.end()) return result;
  if (found->second.temperature >= 0) result.temperature = found->second.temperature;
  if (found->second.top_k >= 0) result.top_k = found->second.top_k;
  if (found->second.top_p >= 0) result.top_p = found->second.top_p;
  return result;
}

}  // namespace palimpsest
