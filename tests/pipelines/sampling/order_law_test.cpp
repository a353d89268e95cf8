// Policies that choose an order, or as much as the model is sure of, follow their own laws, enumerated.
#include <gtest/gtest.h>

#include <numeric>

#include "pipelines/sampling/score.h"
#include "tests/pipelines/sampling/laws.h"

namespace palimpsest::test {
namespace {

double entropy(const std::map<std::int64_t, double>& distribution) {
  double sum = 0;
  for (const auto& [id, p] : distribution) sum -= p > 0 ? p * std::log(p) : 0;
  return sum;
}

double margin(const std::map<std::int64_t, double>& distribution) {
  std::vector<double> p{0, 0};
  for (const auto& [id, probability] : distribution) p.push_back(probability);
  std::sort(p.rbegin(), p.rend());
  return p[0] - p[1];
}

std::vector<double> expected_scores(UnmaskKind kind, const Masks& masks) {
  const std::vector<double> halton{-3, -1, 0, -2};  // of 4 in a line: 2, 1, 3, 0 by van der Corput's sequence
  std::vector<double> scores;
  for (std::size_t i = 0; i < masks.positions.size(); ++i) {
    switch (kind) {
      case UnmaskKind::kConfidence:
        scores.push_back(std::log(masks.probability(i)));
        break;
      case UnmaskKind::kMargin:
        scores.push_back(margin(masks.conditionals[i]));
        break;
      case UnmaskKind::kEntropy:
        scores.push_back(-entropy(masks.conditionals[i]));
        break;
      case UnmaskKind::kHalton:
        scores.push_back(halton[static_cast<std::size_t>(masks.positions[i])]);
        break;
      default:
        scores.push_back(0);
    }
  }
  return scores;
}

struct OrderCase {
  UnmaskKind kind;
  std::int64_t steps;
  double choice_noise;
};

SamplerOptions ordered(const OrderCase& order) {
  SamplerOptions options;
  options.unmask = order.kind;
  options.steps = order.steps;
  options.choice_noise = order.choice_noise;
  options.grid = TimeGridKind::kUniform;
  return options;
}

Law order_law(const World& world, const SamplerOptions& options) {
  return enumerate(world.schema, options.steps, [&](const Filling& before, std::int64_t step) {
    const double left = 1 - static_cast<double>(step + 1) / static_cast<double>(options.steps);  // linear schedule
    const Choice choice = [&](const Masks& masks, std::int64_t) {
      const auto masked = static_cast<std::int64_t>(masks.positions.size());
      const auto stay = static_cast<std::int64_t>(4 * left + 1e-9);
      const double noise = options.unmask == UnmaskKind::kRandom         ? 1
                           : options.unmask == UnmaskKind::kFirstHitting ? 1
                           : options.unmask == UnmaskKind::kHalton       ? 0
                                                                         : options.choice_noise * left;
      return first_of(expected_scores(options.unmask, masks), std::max<std::int64_t>(0, masked - stay), noise);
    };
    return chosen_step(*world.denoiser, world.schema, before, step, choice);
  });
}

class OrderLaw : public testing::TestWithParam<OrderCase> {};

TEST_P(OrderLaw, FollowsItsEnumeratedLaw) {
  const World world(line_schema());
  const SamplerOptions options = ordered(GetParam());
  expect_samples(world, options, order_law(world, options));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, OrderLaw,
    testing::Values(OrderCase{UnmaskKind::kConfidence, 1, 1}, OrderCase{UnmaskKind::kConfidence, 2, 0},
                    OrderCase{UnmaskKind::kConfidence, 2, 0.5}, OrderCase{UnmaskKind::kConfidence, 4, 1},
                    OrderCase{UnmaskKind::kConfidence, 16, 1}, OrderCase{UnmaskKind::kMargin, 2, 0},
                    OrderCase{UnmaskKind::kMargin, 4, 0.3}, OrderCase{UnmaskKind::kEntropy, 2, 0},
                    OrderCase{UnmaskKind::kEntropy, 4, 0.5}, OrderCase{UnmaskKind::kRandom, 1, 1},
                    OrderCase{UnmaskKind::kRandom, 2, 1}, OrderCase{UnmaskKind::kRandom, 3, 1},
                    OrderCase{UnmaskKind::kRandom, 4, 1}, OrderCase{UnmaskKind::kRandom, 16, 1},
                    OrderCase{UnmaskKind::kHalton, 1, 1}, OrderCase{UnmaskKind::kHalton, 2, 1},
                    OrderCase{UnmaskKind::kHalton, 4, 1}, OrderCase{UnmaskKind::kFirstHitting, 1, 1},
                    OrderCase{UnmaskKind::kFirstHitting, 2, 1}, OrderCase{UnmaskKind::kFirstHitting, 3, 1}));

// Random order, one at a time, is exact too; a whole canvas at once is the product of the marginals.
TEST(OrderLaw, OneAtATimeInAnOrderThatDoesNotLookIsTheJoint) {
  const World world(line_schema());
  for (const UnmaskKind kind : {UnmaskKind::kRandom, UnmaskKind::kHalton}) {
    const Law law = order_law(world, ordered({kind, 4, 0}));
    for (const auto& [filling, probability] : world.joint()) EXPECT_NEAR(law.at(filling), probability, 1e-12);
  }
}

SamplerOptions adaptive(UnmaskKind kind, std::int64_t steps, double level) {
  SamplerOptions options;
  options.unmask = kind;
  options.steps = steps;
  (kind == UnmaskKind::kThreshold ? options.threshold : options.entropy_bound) = level;
  return options;
}

// As many of the order as the policy takes.
std::int64_t count_taken(const SamplerOptions& options, const Masks& masks, const std::vector<double>& scores,
                         bool last) {
  std::vector<double> sorted = scores;
  std::sort(sorted.rbegin(), sorted.rend());
  const auto all = static_cast<std::int64_t>(masks.positions.size());
  if (last || all == 0) return all;
  std::int64_t count = 0;
  if (options.unmask == UnmaskKind::kThreshold) {
    while (count < all && std::exp(sorted[static_cast<std::size_t>(count)]) > options.threshold) ++count;
    return std::max<std::int64_t>(1, count);
  }
  for (std::int64_t k = 1; k <= all; ++k) {
    double sum = 0, greatest = 0;
    for (std::int64_t i = 0; i < k; ++i) {
      sum -= sorted[static_cast<std::size_t>(i)];
      greatest = std::max(greatest, -sorted[static_cast<std::size_t>(i)]);
    }
    if (sum - greatest <= options.entropy_bound + 1e-12) count = k;
  }
  return count;
}

Law adaptive_law(const World& world, const SamplerOptions& options) {
  const UnmaskKind kind = options.unmask == UnmaskKind::kThreshold ? UnmaskKind::kConfidence : UnmaskKind::kEntropy;
  return enumerate(world.schema, options.steps, [&](const Filling& before, std::int64_t step) {
    const Choice choice = [&](const Masks& masks, std::int64_t) {
      const auto scores = expected_scores(kind, masks);
      return first_of(scores, count_taken(options, masks, scores, step + 1 == options.steps), 0);
    };
    return chosen_step(*world.denoiser, world.schema, before, step, choice);
  });
}

class AdaptiveLaw : public testing::TestWithParam<std::tuple<UnmaskKind, std::int64_t, double>> {};

TEST_P(AdaptiveLaw, FollowsItsEnumeratedLaw) {
  const World world(line_schema());
  const auto [kind, steps, level] = GetParam();
  const SamplerOptions options = adaptive(kind, steps, level);
  expect_samples(world, options, adaptive_law(world, options));
}

INSTANTIATE_TEST_SUITE_P(
    Levels, AdaptiveLaw,
    testing::Values(std::tuple{UnmaskKind::kThreshold, 4, 0.0}, std::tuple{UnmaskKind::kThreshold, 4, 0.6},
                    std::tuple{UnmaskKind::kThreshold, 2, 0.7}, std::tuple{UnmaskKind::kThreshold, 4, 1.0},
                    std::tuple{UnmaskKind::kEntropyBounded, 4, 0.0}, std::tuple{UnmaskKind::kEntropyBounded, 4, 0.9},
                    std::tuple{UnmaskKind::kEntropyBounded, 3, 0.7},
                    std::tuple{UnmaskKind::kEntropyBounded, 4, 100.0}));

// Number of steps in which anything was written, and the most positions of a step.
std::pair<std::int64_t, std::int64_t> spread_of(const SamplerOptions& options) {
  const World world(line_schema());
  const Trace trace =
      Sampler(world.model(64), options).run(blank_canvas(world.schema, 64), sample_keys(2, 0, 64)).trace;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> count;  // by step and row
  std::set<std::int64_t> steps;
  std::int64_t most = 0;
  for (const TraceEvent& event : trace.events) {
    steps.insert(event.step);
    most = std::max(most, ++count[{event.step, event.row}]);
  }
  return {static_cast<std::int64_t>(steps.size()), most};
}

TEST(AdaptiveLaw, ThresholdZeroWritesAllAtOnceAndOneWritesOneAStep) {
  EXPECT_EQ(spread_of(adaptive(UnmaskKind::kThreshold, 4, 0.0)), std::pair(std::int64_t{1}, std::int64_t{4}));
  EXPECT_EQ(spread_of(adaptive(UnmaskKind::kThreshold, 4, 1.0)), std::pair(std::int64_t{4}, std::int64_t{1}));
  EXPECT_EQ(spread_of(adaptive(UnmaskKind::kEntropyBounded, 4, 100.0)), std::pair(std::int64_t{1}, std::int64_t{4}));
  EXPECT_EQ(spread_of(adaptive(UnmaskKind::kEntropyBounded, 4, 0.0)), std::pair(std::int64_t{4}, std::int64_t{1}));
}

using RoleOrder = std::vector<std::string>;

class SequentialLaw : public testing::TestWithParam<RoleOrder> {};

// Roles one after another, one position a step in an order that does not look: the joint, whichever role is first.
TEST_P(SequentialLaw, OnePositionAStepIsTheJoint) {
  const World world(tabulated_schema());
  SamplerOptions options = ordered({UnmaskKind::kRandom, 4, 0});
  options.joint.kind = JointKind::kSequential;
  options.joint.order = GetParam();
  expect_samples(world, options, world.joint());
}

INSTANTIATE_TEST_SUITE_P(Orders, SequentialLaw,
                         testing::Values(RoleOrder{"word", "picture"}, RoleOrder{"picture", "word"}));

struct StaggeredCase {
  RoleOrder order;
  double stagger;
};

class StaggeredLaw : public testing::TestWithParam<StaggeredCase> {};

// Of four steps the second role waits for the first ones, and the first has as many: reverse processes of their own
// that see each other's ids.
TEST_P(StaggeredLaw, IsTwoReverseProcessesOfWhichOneIsLate) {
  const World world(tabulated_schema());
  SamplerOptions options = ordered({UnmaskKind::kAncestral, 4, 0});
  options.joint.kind = JointKind::kStaggered;
  options.joint.order = GetParam().order;
  options.joint.stagger = GetParam().stagger;
  const auto late = static_cast<std::int64_t>(4 * GetParam().stagger), own_steps = 4 - late;
  const Law law = enumerate(world.schema, 4, [&](const Filling& before, std::int64_t step) {
    std::vector<Rates> rates(2, Rates{1, 0});
    for (std::int64_t place = 0; place < 2; ++place) {
      const std::int64_t left = own_steps - (step - place * late);  // steps of the role, with this one
      if (left < 1 || left > own_steps) continue;
      const auto role =
          static_cast<std::size_t>(world.schema.role_index(options.joint.order[static_cast<std::size_t>(place)]));
      rates[role].stay = static_cast<double>(left - 1) / static_cast<double>(left);
    }
    return independent_step(*world.denoiser, world.schema, before, rates);
  });
  expect_samples(world, options, law);
}

INSTANTIATE_TEST_SUITE_P(Orders, StaggeredLaw,
                         testing::Values(StaggeredCase{{"word", "picture"}, 0.25},
                                         StaggeredCase{{"picture", "word"}, 0.25},
                                         StaggeredCase{{"word", "picture"}, 0.5},
                                         StaggeredCase{{"picture", "word"}, 0.75}));

class SingleBlocksLaw : public testing::TestWithParam<UnmaskKind> {};

// Of one position each, blocks are the chain rule from left to right, whatever chooses within them.
TEST_P(SingleBlocksLaw, AreTheJoint) {
  const World world(line_schema());
  SamplerOptions options = ordered({GetParam(), 4, 1});
  options.joint.block = 1;
  expect_samples(world, options, world.joint());
}

INSTANTIATE_TEST_SUITE_P(Kinds, SingleBlocksLaw,
                         testing::Values(UnmaskKind::kConfidence, UnmaskKind::kAncestral, UnmaskKind::kEntropyBounded));

// Of two positions and a step each: marginals, and then conditionals on what stands.
TEST(BlocksLaw, OfTwoPositionsInAStepAreProductsWithinABlock) {
  const World world(line_schema());
  SamplerOptions options = ordered({UnmaskKind::kAncestral, 2, 0});
  options.joint.block = 2;
  const Law law = enumerate(world.schema, 2, [&](const Filling& before, std::int64_t step) {
    Law after{{before, 1.0}};
    for (const std::int64_t l : {2 * step, 2 * step + 1}) {
      after = extended(after, l, 0, world.denoiser->conditional(before, l));
    }
    return after;
  });
  expect_samples(world, options, law);
}

// The distribution as repetition penalty, temperature and truncation leave it, from their definitions.
std::map<std::int64_t, double> as_drawn(const std::map<std::int64_t, double>& distribution, const Filling& before,
                                        const DrawOptions& options) {
  std::vector<std::pair<double, std::int64_t>> likeliest;
  double total = 0, reached = 0, kept = 0;
  for (const auto& [id, p] : distribution) {
    const bool held = std::find(before.begin(), before.end(), id) != before.end();
    likeliest.emplace_back(std::pow(p, (held ? options.repetition_penalty : 1) / options.temperature), id);
    total += likeliest.back().first;
  }
  std::sort(likeliest.rbegin(), likeliest.rend());
  std::map<std::int64_t, double> result;
  for (std::size_t i = 0; i < likeliest.size(); ++i) {
    const auto [weight, id] = likeliest[i];
    const bool beyond_k = options.top_k > 0 && static_cast<std::int64_t>(i) >= options.top_k;
    if (beyond_k || reached >= options.top_p * total || weight < options.min_p * likeliest.front().first) break;
    reached += weight;
    result[id] = weight;
    kept += weight;
  }
  for (auto& [id, p] : result) p /= kept;
  return result;
}

class DrawnLaw : public testing::TestWithParam<DrawOptions> {};

// In four steps of the reverse process each draw is from the distribution as it is left, and nothing else changes.
TEST_P(DrawnLaw, DrawsFromWhatIsLeft) {
  const World world(line_schema());
  const DrawOptions& draw = GetParam();
  SamplerOptions options = ordered({UnmaskKind::kAncestral, 4, 0});
  options.temperature = draw.temperature;
  options.top_k = draw.top_k;
  options.top_p = draw.top_p;
  options.min_p = draw.min_p;
  options.repetition_penalty = draw.repetition_penalty;
  const Law law = enumerate(world.schema, 4, [&](const Filling& before, std::int64_t step) {
    Law after{{before, 1.0}};
    const double stay = static_cast<double>(3 - step) / static_cast<double>(4 - step);
    for (std::int64_t l = 0; l < 4; ++l) {
      if (before[static_cast<std::size_t>(l)] != kMaskId) continue;
      after = extended(after, l, stay, as_drawn(world.denoiser->conditional(before, l), before, draw));
    }
    return after;
  });
  expect_samples(world, options, law);
}

INSTANTIATE_TEST_SUITE_P(Options, DrawnLaw,
                         testing::Values(DrawOptions{0.6, 0, 1, 0, 1}, DrawOptions{1.5, 2, 1, 0, 1},
                                         DrawOptions{1, 0, 0.7, 0, 1}, DrawOptions{1, 0, 1, 0.4, 1},
                                         DrawOptions{1, 1, 1, 0, 1}, DrawOptions{1, 0, 1, 0, 2.5},
                                         DrawOptions{0.8, 2, 1, 0, 1.5}));

TEST(Halton, SpreadsOverAGridAndGoesCoarseToFine) {
  EXPECT_EQ(halton_ranks_N(text_layout(4).coordinates_LA), (std::vector<std::int64_t>{3, 1, 0, 2}));
  const auto ranks = halton_ranks_N(grid_layout(8, 8).coordinates_LA);
  std::vector<std::int64_t> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int64_t> all(64);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(sorted, all);
  std::map<std::int64_t, int> quarters;  // of the first 16: every quarter of the picture has its share
  for (std::int64_t n = 0; n < 64; ++n) {
    if (ranks[static_cast<std::size_t>(n)] < 16) ++quarters[n / 32 * 2 + n % 8 / 4];
  }
  for (const auto& [quarter, count] : quarters) EXPECT_NEAR(count, 4, 1) << quarter;
  EXPECT_EQ(quarters.size(), 4u);
  const auto frames = halton_ranks_N(frame_layout(3, 2).coordinates_LA);
  for (std::size_t n = 0; n < 6; n += 2) EXPECT_LT(frames[n], frames[n + 1]) << "the first codebook goes first";
}

}  // namespace
}  // namespace palimpsest::test
