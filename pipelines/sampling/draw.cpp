#include "pipelines/sampling/draw.h"

#include <cmath>
#include <limits>

namespace palimpsest {

namespace {

struct Candidate {
  std::int64_t id;
  double weight;
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
}
bool lower_id(const Candidate& a, const Candidate& b) { return a.id < b.id; }

std::int64_t likeliest(std::span<const float> log_prob_V) {
  return std::max_element(log_prob_V.begin(), log_prob_V.end()) - log_prob_V.begin();
}

std::vector<Candidate> tempered(std::span<const float> log_prob_V, double highest, double temperature) {
  std::vector<Candidate> candidates;
  for (std::size_t id = 0; id < log_prob_V.size(); ++id) {
    if (log_prob_V[id] == -std::numeric_limits<float>::infinity()) continue;
    candidates.push_back({static_cast<std::int64_t>(id), std::exp((log_prob_V[id] - highest) / temperature)});
  }
  return candidates;
}

double total(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  return sum;
}

void keep_top_k(std::vector<Candidate>& candidates, std::int64_t top_k) {
  if (top_k == 0 || static_cast<std::int64_t>(candidates.size()) <= top_k) return;
  std::nth_element(candidates.begin(), candidates.begin() + top_k, candidates.end(), likelier);
  candidates.resize(static_cast<std::size_t>(top_k));
  std::sort(candidates.begin(), candidates.end(), lower_id);
}

void keep_top_p(std::vector<Candidate>& candidates, double top_p) {
  if (top_p >= 1) return;
  const double enough = top_p * total(candidates);
  std::sort(candidates.begin(), candidates.end(), likelier);
  double sum = 0;
  std::size_t kept = 0;
  while (kept < candidates.size() && sum < enough) sum += candidates[kept++].weight;
  candidates.resize(kept);
  std::sort(candidates.begin(), candidates.end(), lower_id);
}

}  // namespace

Draw draw_id(std::span<const float> log_prob_V, const DrawOptions& options, double uniform) {
  const std::int64_t best = likeliest(log_prob_V);
  const double highest = log_prob_V[static_cast<std::size_t>(best)];
  TORCH_CHECK(std::isfinite(highest), "draw_id: no id has a finite log-probability, highest is ", highest);
  if (options.temperature == 0) return {best, highest};
  auto candidates = tempered(log_prob_V, highest, options.temperature);
  keep_top_k(candidates, options.top_k);
  keep_top_p(candidates, options.top_p);
  const double target = uniform * total(candidates);
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.weight;
    if (sum > target) return {candidate.id, log_prob_V[static_cast<std::size_t>(candidate.id)]};
  }
  return {best, highest};  // only when rounding left the target at the very end
}

}  // namespace palimpsest
