#include "pipelines/sampling/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "backbone/kernels/distribution_loops.h"

namespace palimpsest {

namespace {

using loops::Cut;
using loops::kIdsABlock;

struct Candidate {
  float value;
  std::int32_t id;
};

bool likelier(const Candidate& a, const Candidate& b) { return a.value != b.value ? a.value > b.value : a.id < b.id; }
bool stricter(const Cut& a, const Cut& b) { return likelier({a.value, a.id}, {b.value, b.id}); }

// A row of log-probabilities to be cut and drawn from. Its ids are kept from the likeliest to the cut.
class DrawnRow {
 public:
  DrawnRow(std::span<const float> log_prob_V, double temperature)
      : values_(log_prob_V),
        ids_(static_cast<std::int64_t>(log_prob_V.size())),
        intervals_(static_cast<std::int32_t>(std::min(kMostIntervals, ids_))) {
    block_.resize(static_cast<std::size_t>(loops::num_id_blocks(ids_)));
    loops::block_greatest(values_.data(), ids_, block_.data());
    weighing_ = {values_.data(), *std::max_element(block_.begin(), block_.end()),
                 temperature > 0 ? static_cast<float>(1 / temperature) : 0.0f, Cut{}};
  }

  float highest() const { return weighing_.highest; }
  std::int64_t likeliest() const {
    const auto block = std::max_element(block_.begin(), block_.end()) - block_.begin();
    return std::find(values_.begin() + block * kIdsABlock, values_.end(), highest()) - values_.begin();
  }

  void keep_top_k(std::int64_t top_k) {
    if (top_k == 0 || top_k >= ids_) return;
    std::vector<Candidate> candidates = at_least(kth_greatest_block(top_k));
    const auto last = candidates.begin() + (top_k - 1);
    std::nth_element(candidates.begin(), last, candidates.end(), likelier);
    cut({last->value, last->id});
  }

  // The masses of fine intervals of the value tell which of them holds the cut; only its ids are sorted.
  void keep_top_p(double top_p) {
    if (top_p >= 1) return;
    std::vector<double> mass(static_cast<std::size_t>(intervals_), 0.0);
    std::vector<std::int32_t> interval(static_cast<std::size_t>(kIdsABlock));
    std::vector<float> weight(static_cast<std::size_t>(kIdsABlock));
    for (std::int64_t begin = 0; begin < ids_; begin += kIdsABlock) {
      const std::int64_t count = std::min(kIdsABlock, ids_ - begin);
      loops::weights(weighing_, begin, count, weight.data());
      for (std::int64_t i = 0; i < count; ++i) interval[i] = interval_of(values_[begin + i]);
      for (std::int64_t i = 0; i < count; ++i) mass[interval[i]] += static_cast<double>(weight[i]);
    }
    const double enough = top_p * std::accumulate(mass.begin(), mass.end(), 0.0);
    double sum = 0;
    std::int32_t crossed = 0;
    while (crossed + 1 < intervals_ && sum + mass[crossed] < enough) sum += mass[crossed++];
    cut(last_within(crossed, enough - sum));
  }

  void keep_min_p(double min_p, double temperature) {
    if (min_p <= 0) return;
    cut({static_cast<float>(highest() + temperature * std::log(min_p)), std::numeric_limits<std::int32_t>::max()});
  }

  // The id whose interval of the kept weights, ids in ascending order, holds the uniform.
  std::int64_t draw(double uniform) const {
    std::vector<double> sums(block_.size());
    loops::block_weights(weighing_, ids_, sums.data());
    const double target = uniform * std::accumulate(sums.begin(), sums.end(), 0.0);
    double before = 0;
    std::size_t block = 0;
    while (block + 1 < sums.size() && before + sums[block] <= target) before += sums[block++];
    while (block > 0 && sums[block] == 0) --block;  // rounding left the target at the end
    return draw_within(static_cast<std::int64_t>(block), target - before);
  }

 private:
  static constexpr std::int64_t kMostIntervals = 4096;
  static constexpr float kIntervalsANat = 128;

  void cut(const Cut& other) {
    if (stricter(other, weighing_.cut)) weighing_.cut = other;
  }

  float kth_greatest_block(std::int64_t k) const {
    if (static_cast<std::int64_t>(block_.size()) < k) return -std::numeric_limits<float>::infinity();
    std::vector<float> greatest = block_;
    std::nth_element(greatest.begin(), greatest.begin() + (k - 1), greatest.end(), std::greater<>());
    return greatest[static_cast<std::size_t>(k - 1)];
  }

  std::vector<Candidate> at_least(float value) const {
    std::vector<Candidate> candidates;
    for (std::size_t block = 0; block < block_.size(); ++block) {
      if (block_[block] < value) continue;
      const std::int64_t begin = static_cast<std::int64_t>(block) * kIdsABlock;
      for (std::int64_t id = begin; id < std::min(ids_, begin + kIdsABlock); ++id) {
        if (values_[id] >= value) candidates.push_back({values_[id], static_cast<std::int32_t>(id)});
      }
    }
    return candidates;
  }

  // The likeliest ids are in interval 0; what is far below them all shares the last one.
  std::int32_t interval_of(float value) const {
    const float below = (highest() - value) * weighing_.sharpness * kIntervalsANat;
    return static_cast<std::int32_t>(std::min(below, static_cast<float>(intervals_ - 1)));
  }

  // Of the interval's ids the one with which the sum of the weights, from the likeliest on, reaches `mass`.
  Cut last_within(std::int32_t interval, double mass) const {
    std::vector<Candidate> candidates;
    for (std::int64_t id = 0; id < ids_; ++id) {
      if (interval_of(values_[id]) == interval && values_[id] >= weighing_.cut.value)
        candidates.push_back({values_[id], static_cast<std::int32_t>(id)});
    }
    std::sort(candidates.begin(), candidates.end(), likelier);
    Cut last;
    for (const Candidate& candidate : candidates) {
      last = {candidate.value, candidate.id};
      float weight = 0;
      loops::weights(weighing_, candidate.id, 1, &weight);
      mass -= static_cast<double>(weight);
      if (mass <= 0) break;
    }
    return last;
  }

  std::int64_t draw_within(std::int64_t block, double target) const {
    float weight[kIdsABlock];
    const std::int64_t begin = block * kIdsABlock, count = std::min(kIdsABlock, ids_ - begin);
    loops::weights(weighing_, begin, count, weight);
    std::int64_t last = 0;
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (weight[i] == 0) continue;
      last = i;
      sum += static_cast<double>(weight[i]);
      if (sum > target) break;
    }
    return begin + last;
  }

  std::span<const float> values_;
  std::int64_t ids_;
  std::int32_t intervals_;    // of the value, to find the cut of top_p in
  std::vector<float> block_;  // greatest values
  loops::Weighing weighing_;
};

std::vector<float> penalised(std::span<const float> log_prob_V, std::span<const std::int64_t> repeated,
                             double penalty) {
  std::vector<float> result(log_prob_V.begin(), log_prob_V.end());
  for (const std::int64_t id : repeated) result[static_cast<std::size_t>(id)] *= static_cast<float>(penalty);
  return result;
}

std::int64_t pick(std::span<const float> log_prob_V, const DrawOptions& options, double uniform) {
  DrawnRow row(log_prob_V, options.temperature);
  TORCH_CHECK(std::isfinite(row.highest()), "draw_id: no id has a finite log-probability, highest is ", row.highest());
  if (options.temperature == 0) return row.likeliest();
  row.keep_top_k(options.top_k);
  row.keep_top_p(options.top_p);
  row.keep_min_p(options.min_p, options.temperature);
  return row.draw(uniform);
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
