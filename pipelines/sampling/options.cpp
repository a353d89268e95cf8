#include "pipelines/sampling/options.h"

#include <cmath>

namespace palimpsest {

namespace {

void require(bool holds, const std::string& key, const std::string& rule) {
  if (!holds) throw InputError("", key, rule);
}

bool is_share(double value) { return value >= 0 && value <= 1; }

void validate_draw(const DrawOptions& draw, const std::string& prefix) {
  require(std::isfinite(draw.temperature) && draw.temperature >= 0, prefix + "temperature", "must be 0 or more");
  require(draw.top_k >= 0, prefix + "top_k", "must be 0 (all) or more");
  require(draw.top_p > 0 && draw.top_p <= 1, prefix + "top_p", "must be above 0 and at most 1");
  require(is_share(draw.min_p), prefix + "min_p", "must be from 0 (all) to 1");
  require(std::isfinite(draw.repetition_penalty) && draw.repetition_penalty >= 1, prefix + "repetition_penalty",
          "must be 1 (none) or more");
}

void validate_remask(const RemaskOptions& remask, UnmaskKind unmask) {
  require(is_share(remask.rate), "remask_rate", "must be from 0 to 1");
  require(is_share(remask.from) && is_share(remask.until) && remask.until <= remask.from, "remask_from",
          "must be a time from remask_until to 1");
  require(is_share(remask.loop_on) && is_share(remask.loop_off) && remask.loop_off < remask.loop_on, "loop_on",
          "must be a share of the steps above loop_off");
  require(remask.loop_off > 0 && remask.loop_on < 1, "loop_off", "must be above 0, and loop_on below 1");
  require(remask.loop_keep > 0 && remask.loop_keep < 1, "loop_keep", "must be above 0 and below 1");
  require(is_share(remask.edit_threshold), "edit_threshold", "must be from 0 to 1");
  const bool masks_again = remask.kind != RemaskKind::kNone && remask.kind != RemaskKind::kEdit;
  require(!masks_again || !commits_every_step(unmask), "remask",
          enum_name(remask.kind) + " cannot be combined with unmask = " + enum_name(unmask) +
              ", which follows no schedule; take ancestral, confidence, margin, entropy, random or halton");
}

void validate_joint(const JointOptions& joint) {
  require(joint.stagger > 0 && joint.stagger < 1, "stagger", "must be above 0 and below 1");
  require(joint.block >= 0, "block", "must be 0 (one block a role) or more");
  require(joint.order.empty() || joint.kind != JointKind::kTogether, "joint_order",
          "has no meaning where joint = together; take staggered or sequential");
}

}  // namespace

double inner_guidance(double weight, GuidanceConvention convention) {
  return convention == GuidanceConvention::kZeroIsNone ? weight + 1 : weight;
}

bool commits_every_step(UnmaskKind kind) {
  return kind == UnmaskKind::kFirstHitting || kind == UnmaskKind::kThreshold || kind == UnmaskKind::kEntropyBounded;
}

void SamplerOptions::validate() const {
  require(steps >= 1, "steps", "must be at least 1, got " + std::to_string(steps));
  const bool shifted = guiding.convention == GuidanceConvention::kZeroIsNone;
  require(std::isfinite(guidance) && inner_guidance(guidance, guiding.convention) >= 0, "guidance",
          shifted ? "must be -1 (unconditional) or more; 0 is no guidance"
                  : "must be 0 (unconditional) or more; 1 is no guidance");
  require(is_share(guiding.from) && is_share(guiding.until) && guiding.until <= guiding.from, "guidance_from",
          "must be a time from guidance_until to 1");
  require(std::isfinite(choice_noise) && choice_noise >= 0, "choice_noise", "must be 0 or more");
  require(is_share(threshold), "threshold", "must be a probability from 0 to 1");
  require(entropy_bound >= 0, "entropy_bound", "must be 0 or more");
  validate_draw({temperature, top_k, top_p, min_p, repetition_penalty}, "");
  require(best_of >= 1, "best_of", "must be 1 (no choice) or more");
  require(best_of_draws >= 1, "best_of_draws", "must be at least 1");
  validate_remask(remask, unmask);  // of the roles that are not named below
  validate_joint(joint);
  for (const auto& [name, role] : roles) {
    validate_draw(draw(name), "roles." + name + ".");
    validate_remask(remask, unmask_of(name));
    require(std::isfinite(role.guidance), "roles." + name + ".guidance", "must be a number");
    require(best_of_for(name) >= 1, "roles." + name + ".best_of", "must be 1 (no choice) or more");
  }
}

UnmaskKind SamplerOptions::unmask_of(const std::string& role) const {
  const auto found = roles.find(role);
  if (found == roles.end() || found->second.unmask.empty()) return unmask;
  return parse_enum<UnmaskKind>(found->second.unmask, "", "roles." + role + ".unmask");
}

DrawOptions SamplerOptions::draw(const std::string& role) const {
  DrawOptions result{temperature, top_k, top_p, min_p, repetition_penalty};
  const auto found = roles.find(role);
  if (found == roles.end()) return result;
  if (found->second.temperature >= 0) result.temperature = found->second.temperature;
  if (found->second.top_k >= 0) result.top_k = found->second.top_k;
  if (found->second.top_p >= 0) result.top_p = found->second.top_p;
  if (found->second.min_p >= 0) result.min_p = found->second.min_p;
  if (found->second.repetition_penalty >= 0) result.repetition_penalty = found->second.repetition_penalty;
  return result;
}

double SamplerOptions::guidance_of(const std::string& role) const {
  const auto found = roles.find(role);
  const bool own = found != roles.end() && found->second.guidance >= 0;
  return inner_guidance(own ? found->second.guidance : guidance, guiding.convention);
}

std::int64_t SamplerOptions::block_of(const std::string& role) const {
  const auto found = roles.find(role);
  return found != roles.end() && found->second.block >= 0 ? found->second.block : joint.block;
}

std::int64_t SamplerOptions::best_of_for(const std::string& role) const {
  const auto found = roles.find(role);
  return found != roles.end() && found->second.best_of >= 0 ? found->second.best_of : best_of;
}

}  // namespace palimpsest
