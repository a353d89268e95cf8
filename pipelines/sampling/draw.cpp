#include "pipelines/sampling/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace palimpsest {

namespace {

constexpr std::size_t kBlock = 256;  // ids

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

// Sorts no more than it keeps, nearly: few ids hold most of the probability.
void keep_top_p(std::vector<Candidate>& candidates, double top_p) {
  if (top_p >= 1) return;
  const double enough = top_p * total(candidates);
  double sum = 0;
  std::size_t kept = 0, sorted = 0;
  for (std::size_t wish = 64; kept < candidates.size() && sum < enough; wish *= 4) {
    const std::size_t upto = std::min(candidates.size(), wish);
    const auto begin = candidates.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto middle = candidates.begin() + static_cast<std::ptrdiff_t>(upto);
    std::nth_element(begin, middle, candidates.end(), likelier);
    std::sort(begin, middle, likelier);
    sorted = upto;
    while (kept < sorted && sum < enough) sum += candidates[kept++].weight;
  }
  candidates.resize(kept);
  std::sort(candidates.begin(), candidates.end(), lower_id);
}

void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  if (min_p <= 0) return;
  double highest = 0;
  for (const Candidate& candidate : candidates) highest = std::max(highest, candidate.weight);
  std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.weight < min_p * highest; });
}

std::int64_t draw_among(const std::vector<Candidate>& candidates, double uniform) {
  const double target = uniform * total(candidates);
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.weight;
    if (sum > target) return candidate.id;
  }
  return std::min_element(candidates.begin(), candidates.end(), likelier)->id;  // rounding left the target at the end
}

// The same draw among all ids, without a list of them: only the block that holds the target is gone through twice.
std::int64_t draw_among_all(std::span<const float> log_prob_V, double highest, double temperature, double uniform) {
  const auto weight = [&](std::size_t id) { return std::exp((log_prob_V[id] - highest) / temperature); };
  std::vector<double> before;  // sums at the beginnings of the blocks
  double sum = 0;
  for (std::size_t id = 0; id < log_prob_V.size(); ++id) {
    if (id % kBlock == 0) before.push_back(sum);
    sum += weight(id);
  }
  const double target = uniform * sum;
  const auto block = std::upper_bound(before.begin(), before.end(), target) - before.begin() - 1;
  sum = before[static_cast<std::size_t>(block)];
  for (auto id = static_cast<std::size_t>(block) * kBlock; id < log_prob_V.size(); ++id) {
    sum += weight(id);
    if (sum > target) return static_cast<std::int64_t>(id);
  }
  return likeliest(log_prob_V);
}

bool keeps_all(const DrawOptions& options) { return options.top_k == 0 && options.top_p >= 1 && options.min_p <= 0; }

std::vector<float> penalised(std::span<const float> log_prob_V, std::span<const std::int64_t> repeated,
                             double penalty) {
  std::vector<float> result(log_prob_V.begin(), log_prob_V.end());
  for (const std::int64_t id : repeated) result[static_cast<std::size_t>(id)] *= static_cast<float>(penalty);
  return result;
}

std::int64_t pick(std::span<const float> log_prob_V, const DrawOptions& options, double uniform) {
  const std::int64_t best = likeliest(log_prob_V);
  const double highest = log_prob_V[static_cast<std::size_t>(best)];
  TORCH_CHECK(std::isfinite(highest), "draw_id: no id has a finite log-probability, highest is ", highest);
  if (options.temperature == 0) return best;
  if (keeps_all(options)) return draw_among_all(log_prob_V, highest, options.temperature, uniform);
  auto candidates = tempered(log_prob_V, highest, options.temperature);
  keep_top_k(candidates, options.top_k);
  keep_top_p(candidates, options.top_p);
  keep_min_p(candidates, options.min_p);
  return draw_among(candidates, uniform);
}

}  // namespace

Draw draw_id(std::span<const float> log_prob_V, const DrawOptions& options, double uniform,
             std::span<const std::int64_t> repeated) {
  const bool penalises = options.repetition_penalty != 1 && !repeated.empty();
  const std::int64_t id = penalises
                              ? pick(penalised(log_prob_V, repeated, options.repetition_penalty), options, uniform)
                              : pick(log_prob_V, options, uniform);
  return {id, log_prob_V[static_cast<std::size_t>(id)]};
}

}  // namespace palimpsest
