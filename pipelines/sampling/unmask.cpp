#include "pipelines/sampling/unmask.h"

#include <algorithm>
#include <cmath>

#include "pipelines/sampling/remask.h"
#include "pipelines/sampling/score.h"

namespace palimpsest {

namespace {

std::size_t cell_of(const StepView& view, const Spot& spot) {
  return static_cast<std::size_t>(spot.row * view.schema.num_roles() + spot.role);
}

// How many of a role's `masked` positions are written when `again` others are masked in the same step.
std::int64_t count_to_write(const RoleStep& now, std::int64_t masked, std::int64_t again) {
  if (now.last()) return masked;
  const auto left = static_cast<std::int64_t>(std::floor(now.planned * now.times.masked_s + 1e-9));
  return std::clamp<std::int64_t>(masked + again - left, 0, masked);
}

// The members in the order of their scores, the greatest first; ties as they stand in the row.
std::vector<std::size_t> ranked(std::vector<std::size_t> members, const std::vector<double>& score) {
  std::sort(members.begin(), members.end(),
            [&](std::size_t a, std::size_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
  return members;
}

// What may be written, scored. Ids are drawn everywhere only where their probability is the score.
struct Candidates {
  std::vector<Spot> spots;
  std::vector<Write> writes;
  std::vector<double> score;
};

Candidates make_candidates(const StepView& view, std::vector<Spot> at, const SamplerOptions& options, UnmaskKind kind) {
  Candidates result;
  result.spots = std::move(at);
  if (kind == UnmaskKind::kConfidence) result.writes = draw_writes(view, result.spots, options);
  result.score = scores(kind, view, result.spots, result.writes);
  return result;
}

std::vector<Write> writes_of(const StepView& view, const SamplerOptions& options, const Candidates& candidates,
                             const std::vector<std::size_t>& chosen) {
  if (candidates.writes.empty()) {
    std::vector<Spot> at;
    for (const std::size_t index : chosen) at.push_back(candidates.spots[index]);
    return draw_writes(view, at, options);
  }
  std::vector<Write> writes;
  for (const std::size_t index : chosen) writes.push_back(candidates.writes[index]);
  return writes;
}

void add_noise(const StepView& view, const std::vector<Spot>& spots, double choice_noise, std::vector<double>& score) {
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const RoleStep& now = view.at(spots[i].row, spots[i].role);
    const double progress = static_cast<double>(now.step + 1) / static_cast<double>(now.num_steps);
    const double noise = choice_noise * (1.0 - progress);
    if (noise != 0) score[i] += noise * gumbel(uniform_at(view, spots[i], "choice"));
  }
}

std::vector<Write> ancestral_writes(const StepView& view, const std::vector<Spot>& at, const RemaskPlan& plan,
                                    const SamplerOptions& options) {
  std::vector<Spot> leaving;
  for (const Spot& spot : at) {
    const RoleStep& now = view.at(spot.row, spot.role);
    const double stay = stay_probability(now.times, plan.sigma[cell_of(view, spot)]);
    if (now.last() || uniform_at(view, spot, "unmask") >= stay) leaving.push_back(spot);
  }
  return draw_writes(view, leaving, options);
}

std::vector<Write> ordered_writes(const StepView& view, const std::vector<Spot>& at, const RemaskPlan& plan,
                                  const SamplerOptions& options, UnmaskKind kind) {
  const Candidates candidates = make_candidates(view, at, options, kind);
  auto score = candidates.score;
  if (takes_noise(kind)) add_noise(view, candidates.spots, options.choice_noise, score);
  std::vector<std::size_t> chosen;
  for (const auto& [key, members] : by_role(candidates.spots)) {
    const std::size_t cell = cell_of(view, candidates.spots[members.front()]);
    const auto masked = static_cast<std::int64_t>(members.size());
    const auto order = ranked(members, score);
    chosen.insert(chosen.end(), order.begin(),
                  order.begin() + count_to_write(view.pace[cell], masked, plan.count[cell]));
  }
  return writes_of(view, options, candidates, chosen);
}

// How many of the ranked members have a score above the threshold's logarithm.
std::size_t count_sure(const std::vector<std::size_t>& order, const std::vector<double>& score, double threshold) {
  std::size_t count = 0;
  while (count < order.size() && std::exp(score[order[count]]) > threshold) ++count;
  return count;
}

// How many of the members, the least entropy first, may be written as though they were independent: the sum of the
// entropies less the greatest bounds what they share.
std::size_t count_independent(const std::vector<std::size_t>& order, const std::vector<double>& score, double bound) {
  std::size_t count = 0;
  double others = 0;  // the greatest is the last
  while (count < order.size() && others <= bound) others -= score[order[count++]];
  return count;
}

std::vector<Write> adaptive_writes(const StepView& view, const std::vector<Spot>& at, const SamplerOptions& options,
                                   UnmaskKind kind) {
  const bool by_threshold = kind == UnmaskKind::kThreshold;
  const Candidates candidates =
      make_candidates(view, at, options, by_threshold ? UnmaskKind::kConfidence : UnmaskKind::kEntropy);
  std::vector<std::size_t> chosen;
  for (const auto& [key, members] : by_role(candidates.spots)) {
    const auto order = ranked(members, candidates.score);
    std::size_t count = by_threshold ? count_sure(order, candidates.score, options.threshold)
                                     : count_independent(order, candidates.score, options.entropy_bound);
    count = view.at(key.first, key.second).last() ? order.size() : std::max<std::size_t>(count, 1);
    chosen.insert(chosen.end(), order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return writes_of(view, options, candidates, chosen);
}

std::vector<Write> writes_by(UnmaskKind kind, const StepView& view, const std::vector<Spot>& at, const RemaskPlan& plan,
                             const SamplerOptions& options) {
  switch (kind) {
    case UnmaskKind::kAncestral:
      return ancestral_writes(view, at, plan, options);
    case UnmaskKind::kThreshold:
    case UnmaskKind::kEntropyBounded:
      return adaptive_writes(view, at, options, kind);
    default:
      return ordered_writes(view, at, plan, options, kind);
  }
}

// The view's masks, by how they are to be written.
std::map<UnmaskKind, std::vector<Spot>> spots_by_kind(const StepView& view, const SamplerOptions& options) {
  std::vector<UnmaskKind> kind;
  for (const Role& role : view.schema.roles()) kind.push_back(options.unmask_of(role.name));
  std::map<UnmaskKind, std::vector<Spot>> result;
  for (const Spot& spot : spots(view, view.position_M))
    result[kind[static_cast<std::size_t>(spot.role)]].push_back(spot);
  return result;
}

}  // namespace

Decision UnmaskPolicy::decide(const StepView& view) const {
  RemaskPlan plan = plan_remask(view, options_.remask);
  Decision decision{{}, {}, {}};
  for (const auto& [kind, at] : spots_by_kind(view, options_)) {
    const std::vector<Write> writes = writes_by(kind, view, at, plan, options_);
    decision.writes.insert(decision.writes.end(), writes.begin(), writes.end());
  }
  decision.mask_again = std::move(plan.mask_again);
  decision.edits = std::move(plan.edits);
  return decision;
}

std::unique_ptr<Policy> make_policy(const SamplerOptions& options) { return std::make_unique<UnmaskPolicy>(options); }

}  // namespace palimpsest
