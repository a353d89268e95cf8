#include "pipelines/sampling/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/errors.h"
#include "base/random.h"

namespace palimpsest {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::vector<float> logs(const std::vector<double>& probabilities) {
  std::vector<float> result;
  for (const double p : probabilities) result.push_back(p == 0 ? kNever : static_cast<float>(std::log(p)));
  return result;
}

// Share of a fine grid of uniforms that draws each id: exact up to one cell of the grid.
std::vector<double> shares(const std::vector<float>& log_prob_V, const DrawOptions& options) {
  constexpr int kCells = 20'000;
  std::vector<double> result(log_prob_V.size());
  for (int i = 0; i < kCells; ++i) {
    result[static_cast<std::size_t>(draw_id(log_prob_V, options, (i + 0.5) / kCells).id)] += 1.0 / kCells;
  }
  return result;
}

void expect_shares(const std::vector<double>& seen, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(seen[i], expected[i], 2e-4) << "id " << i;
}

TEST(DrawId, FollowsTheDistribution) { expect_shares(shares(logs({0.5, 0, 0.3, 0.2}), {}), {0.5, 0, 0.3, 0.2}); }

TEST(DrawId, ReportsTheProbabilityBeforeTemperature) {
  const Draw draw = draw_id(logs({0.25, 0.75}), {0.1, 0, 1.0}, 0.99);
  EXPECT_EQ(draw.id, 1);
  EXPECT_NEAR(draw.log_prob, std::log(0.75), 1e-6);
}

TEST(DrawId, TemperatureIsAPowerOfTheProbabilities) {
  expect_shares(shares(logs({0.6, 0.3, 0.1}), {0.5, 0, 1.0}), {0.36 / 0.46, 0.09 / 0.46, 0.01 / 0.46});
}

TEST(DrawId, ZeroTemperatureAndTopOneTakeTheLikeliest) {
  for (const double uniform : {1e-9, 0.3, 0.999999}) {
    EXPECT_EQ(draw_id(logs({0.2, 0.5, 0.3}), {0.0, 0, 1.0}, uniform).id, 1);
    EXPECT_EQ(draw_id(logs({0.2, 0.5, 0.3}), {1.0, 1, 1.0}, uniform).id, 1);
    EXPECT_EQ(draw_id(logs({0.2, 0.5, 0.3}), {1.0, 0, 1e-6}, uniform).id, 1);
  }
}

TEST(DrawId, TopKKeepsTheLikeliestAndTiesGoToTheLowerId) {
  expect_shares(shares(logs({0.1, 0.4, 0.3, 0.2}), {1.0, 2, 1.0}), {0, 4.0 / 7, 3.0 / 7, 0});
  expect_shares(shares(logs({0.25, 0.25, 0.25, 0.25}), {1.0, 2, 1.0}), {0.5, 0.5, 0, 0});
}

TEST(DrawId, TopPKeepsTheFewestThatReachIt) {
  expect_shares(shares(logs({0.1, 0.4, 0.3, 0.2}), {1.0, 0, 0.65}), {0, 4.0 / 7, 3.0 / 7, 0});
  expect_shares(shares(logs({0.1, 0.4, 0.3, 0.2}), {1.0, 0, 1.0}), {0.1, 0.4, 0.3, 0.2});
}

// A uniform of 53 bits reaches ids that a 32-bit one could not (arXiv 2409.02908).
TEST(DrawId, ReachesRareIds) {
  const std::vector<float> log_probs = {-25.0f, 0.0f};
  EXPECT_EQ(draw_id(log_probs, {}, 1e-12).id, 0);
  EXPECT_EQ(draw_id(log_probs, {}, 1e-10).id, 1);
}

TEST(DrawId, MinPKeepsWhatIsLikelyBesideTheLikeliest) {
  expect_shares(shares(logs({0.1, 0.4, 0.3, 0.2}), {1.0, 0, 1.0, 0.45}), {0, 4.0 / 9, 3.0 / 9, 2.0 / 9});
  expect_shares(shares(logs({0.1, 0.4, 0.3, 0.2}), {1.0, 0, 1.0, 1.0}), {0, 1, 0, 0});
  expect_shares(shares(logs({0.1, 0.4, 0.3, 0.2}), {0.5, 0, 1.0, 0.45}), {0, 16.0 / 25, 9.0 / 25, 0});
}

TEST(DrawId, RepetitionPenaltyIsAPowerOfWhatIsThere) {
  const std::vector<float> log_probs = logs({0.5, 0.3, 0.2});
  const std::vector<std::int64_t> repeated{0, 2};
  std::vector<double> seen(3);
  constexpr int kCells = 20'000;
  for (int i = 0; i < kCells; ++i) {
    const Draw draw = draw_id(log_probs, {1.0, 0, 1.0, 0.0, 2.0}, (i + 0.5) / kCells, repeated);
    seen[static_cast<std::size_t>(draw.id)] += 1.0 / kCells;
    EXPECT_EQ(draw.log_prob, log_probs[static_cast<std::size_t>(draw.id)]);
  }
  expect_shares(seen, {0.25 / 0.59, 0.3 / 0.59, 0.04 / 0.59});
  EXPECT_EQ(draw_id(log_probs, {0.0, 0, 1.0, 0.0, 2.0}, 0.5, repeated).id, 1) << "the likeliest after the penalty";
}

// Of a vocabulary of thousands: the same as by cumulating and sorting it all.
TEST(DrawId, OfManyIdsIsTheDrawOfTheDefinition) {
  const RandomKey key = RandomKey::root(12);
  std::vector<std::pair<double, std::int64_t>> likely;
  std::vector<double> probabilities(3000);
  for (std::size_t id = 0; id < 3000; ++id) probabilities[id] = std::pow(key.uniform(id), 30);
  const std::vector<float> log_probs = logs(probabilities);
  for (std::size_t id = 0; id < 3000; ++id) likely.emplace_back(-log_probs[id], static_cast<std::int64_t>(id));
  std::sort(likely.begin(), likely.end());
  for (const double top_p : {1.0, 0.9, 0.3}) {
    double all = 0, sum = 0;
    for (const float log_prob : log_probs) all += std::exp(log_prob + likely[0].first);
    std::set<std::int64_t> kept;
    for (const auto& [cost, id] : likely) {
      if (top_p < 1 && sum >= top_p * all) break;
      sum += std::exp(likely[0].first - cost);
      kept.insert(id);
    }
    for (std::uint64_t draw = 0; draw < 300; ++draw) {
      const double uniform = draw_uniform(key.bits(5000 + draw));
      double reached = 0;
      auto expected = kept.begin();
      for (; std::next(expected) != kept.end(); ++expected) {
        reached += std::exp(log_probs[static_cast<std::size_t>(*expected)] + likely[0].first);
        if (reached > uniform * sum) break;
      }
      ASSERT_EQ(draw_id(log_probs, {1.0, 0, top_p}, uniform).id, *expected) << top_p << " " << draw;
    }
  }
}

// Low temperatures tend to the likeliest, high ones to all alike.
TEST(DrawId, TemperatureHasItsLimits) {
  expect_shares(shares(logs({0.4, 0.35, 0.25}), {1e-4, 0, 1.0}), {1, 0, 0});
  expect_shares(shares(logs({0.6, 0.3, 0.1}), {1e6, 0, 1.0}), {1.0 / 3, 1.0 / 3, 1.0 / 3});
}

TEST(DrawUniform, HasFiftyThreeBitsBelowOne) {
  EXPECT_EQ(draw_uniform(0), 0.0);
  EXPECT_EQ(draw_uniform(1ull << 11), 0x1.0p-53);
  EXPECT_EQ(draw_uniform(~0ull), 1.0 - 0x1.0p-53);
  EXPECT_EQ(draw_id(logs({0, 0.5, 0.5}), {}, draw_uniform(0)).id, 1) << "never an id that is not legal";
  EXPECT_EQ(draw_id(logs({0.5, 0.5, 0}), {}, draw_uniform(~0ull)).id, 1);
}

// The oracle of draws: the greatest of log-probability plus Gumbel noise, an id a noise, in 64-bit floats.
std::int64_t gumbel_argmax(const std::vector<float>& log_prob_V, RandomKey key) {
  std::int64_t best = 0;
  double greatest = -std::numeric_limits<double>::infinity();
  for (std::size_t id = 0; id < log_prob_V.size(); ++id) {
    const double noisy = log_prob_V[id] - std::log(-std::log(key.uniform(id)));
    if (noisy > greatest) best = static_cast<std::int64_t>(id);
    greatest = std::max(greatest, noisy);
  }
  return best;
}

// Both are draws of one law: Pearson's statistic of two samples, at one in a million of 5 degrees of freedom.
TEST(DrawIdLaw, AgreesWithGumbelNoiseInSixtyFourBits) {
  const std::vector<float> log_probs = logs({0.4, 0.3, 0.2, 0.06, 0.03, 0.01});
  constexpr std::uint64_t kDraws = 200'000;
  std::vector<double> ours(6), oracle(6);
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    const RandomKey key = RandomKey::root(6).fold(draw);
    ++ours[static_cast<std::size_t>(draw_id(log_probs, {}, draw_uniform(key.bits(99))).id)];
    ++oracle[static_cast<std::size_t>(gumbel_argmax(log_probs, key))];
  }
  double between = 0, against_law = 0;
  for (std::size_t id = 0; id < 6; ++id) {
    const double expected = std::exp(log_probs[id]) * kDraws;
    between += (ours[id] - oracle[id]) * (ours[id] - oracle[id]) / (ours[id] + oracle[id]);
    against_law += (ours[id] - expected) * (ours[id] - expected) / expected;
  }
  EXPECT_LT(between, 35.9);
  EXPECT_LT(against_law, 35.9);
}

// What 32-bit noise cannot do: its greatest Gumbel value is 16.6, so that an id 1e-9 times as likely is never drawn,
// where the law draws it once in 1e9 uniforms (arXiv 2409.02908).
TEST(DrawIdLaw, KeepsTheTailThatNarrowNoiseCutsOff) {
  const std::vector<float> log_probs = logs({1e-9, 1.0 - 1e-9});
  const double narrow = -std::log(-std::log(1.0 - 0x1.0p-24)), least = -std::log(-std::log(0x1.0p-24));
  EXPECT_LT(narrow - least, -log_probs[0]) << "32-bit noise never makes up for the difference";
  std::uint64_t low = 0, high = ~0ull;  // where the drawn id changes, by bisection
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (draw_id(log_probs, {}, draw_uniform(middle)).id == 0 ? low : high) = middle;
  }
  EXPECT_NEAR(draw_uniform(high) / 1e-9, 1.0, 1e-5);
}

TEST(DrawId, RefusesARowWithoutLegalIds) {
  const std::vector<float> none = {kNever, kNever};
  EXPECT_THROW(draw_id(none, {}, 0.5), c10::Error);
}

std::string complaint(const SamplerOptions& options) {
  try {
    options.validate();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(SamplerOptions, NamesTheOptionThatBreaksItsRule) {
  EXPECT_EQ(complaint({}), "");
  SamplerOptions options;
  options.steps = 0;
  EXPECT_EQ(complaint(options), "steps: must be at least 1, got 0");
  options = {};
  options.temperature = -0.5;
  EXPECT_EQ(complaint(options), "temperature: must be 0 or more");
  options = {};
  options.top_p = 0;
  EXPECT_EQ(complaint(options), "top_p: must be above 0 and at most 1");
  options = {};
  options.guidance = -1;
  EXPECT_THAT(complaint(options), testing::HasSubstr("guidance: must be 0"));
  options = {};
  options.min_p = 1.5;
  EXPECT_EQ(complaint(options), "min_p: must be from 0 (all) to 1");
  options = {};
  options.repetition_penalty = 0.5;
  EXPECT_EQ(complaint(options), "repetition_penalty: must be 1 (none) or more");
  options = {};
  options.threshold = 1.2;
  EXPECT_EQ(complaint(options), "threshold: must be a probability from 0 to 1");
  options = {};
  options.guiding.from = 0.2;
  options.guiding.until = 0.6;
  EXPECT_EQ(complaint(options), "guidance_from: must be a time from guidance_until to 1");
  options = {};
  options.remask.rate = -0.1;
  EXPECT_EQ(complaint(options), "remask_rate: must be from 0 to 1");
  options = {};
  options.roles["picture"].top_p = 1.5;
  EXPECT_EQ(complaint(options), "roles.picture.top_p: must be above 0 and at most 1");
}

TEST(SamplerOptions, RefusesWhatContradictsItself) {
  SamplerOptions options;
  options.remask.kind = RemaskKind::kCap;
  for (const UnmaskKind kind : {UnmaskKind::kThreshold, UnmaskKind::kEntropyBounded, UnmaskKind::kFirstHitting}) {
    options.unmask = kind;
    EXPECT_THAT(complaint(options), testing::HasSubstr("remask: remdm-cap cannot be combined with unmask = "));
  }
  options = {};
  options.joint.order = {"picture"};
  EXPECT_THAT(complaint(options), testing::HasSubstr("joint_order: has no meaning where joint = together"));
  options.joint.kind = JointKind::kSequential;
  EXPECT_EQ(complaint(options), "");
  options = {};
  options.remask.loop_on = 0.1;
  options.remask.loop_off = 0.3;
  EXPECT_EQ(complaint(options), "loop_on: must be a share of the steps above loop_off");
}

TEST(SamplerOptions, RolesOverrideWhatTheyName) {
  SamplerOptions options;
  options.top_k = 7;
  options.roles["picture"].temperature = 0.5;
  EXPECT_EQ(options.draw("picture").temperature, 0.5);
  EXPECT_EQ(options.draw("picture").top_k, 7);
  EXPECT_EQ(options.draw("caption").temperature, 1.0);
  options.guidance = 2;
  options.roles["picture"].guidance = 0;
  options.joint.block = 4;
  options.roles["picture"].block = 0;
  EXPECT_EQ(options.guidance_of("picture"), 0);
  EXPECT_EQ(options.guidance_of("caption"), 2);
  EXPECT_EQ(options.block_of("picture"), 0);
  EXPECT_EQ(options.block_of("caption"), 4);
}

// By sorting everything and in double: what draw_id must do faster.
std::int64_t plain_draw(const std::vector<float>& log_prob_V, const DrawOptions& options, double uniform) {
  struct Weighed {
    std::int64_t id;
    double weight;
  };
  const double highest = *std::max_element(log_prob_V.begin(), log_prob_V.end());
  std::vector<Weighed> kept;
  for (std::size_t id = 0; id < log_prob_V.size(); ++id) {
    if (log_prob_V[id] != kNever)
      kept.push_back({static_cast<std::int64_t>(id), std::exp((log_prob_V[id] - highest) / options.temperature)});
  }
  std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
  if (options.top_k > 0 && options.top_k < static_cast<std::int64_t>(kept.size()))
    kept.resize(static_cast<std::size_t>(options.top_k));
  const auto total = [&kept] {
    double sum = 0;
    for (const Weighed& one : kept) sum += one.weight;
    return sum;
  };
  if (options.top_p < 1) {
    const double enough = options.top_p * total();
    double sum = 0;
    std::size_t count = 0;
    while (count < kept.size() && sum < enough) sum += kept[count++].weight;
    kept.resize(count);
  }
  std::erase_if(kept, [&](const Weighed& one) { return one.weight < options.min_p; });
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const double target = uniform * total();
  double sum = 0;
  for (const Weighed& one : kept) {
    sum += one.weight;
    if (sum > target) return one.id;
  }
  return kept.back().id;
}

// Rows of thousands of ids, sharp and flat, with ties and impossible ids. The two add in another order and precision,
// so a uniform at the very edge of an id may fall on its neighbour: fewer than one in a thousand do.
TEST(DrawId, DrawsWhatSortingEverythingDraws) {
  const RandomKey key = RandomKey::root(21);
  int differ = 0, draws = 0;
  for (const double spread : {0.5, 4.0, 40.0, 400.0}) {
    for (const DrawOptions& options :
         {DrawOptions{1.0}, DrawOptions{0.3}, DrawOptions{1.0, 1}, DrawOptions{1.0, 50}, DrawOptions{2.0, 700},
          DrawOptions{1.0, 0, 0.9}, DrawOptions{0.5, 0, 0.5}, DrawOptions{1.0, 100, 0.7},
          DrawOptions{1.0, 0, 1.0, 0.05}, DrawOptions{1.5, 300, 0.95, 0.01}}) {
      std::vector<float> row;
      for (std::uint64_t id = 0; id < 5000; ++id) {
        const double drawn = spread * std::floor(1000 * key.fold("value").uniform(id)) / 1000;
        row.push_back(key.fold("never").uniform(id) < 0.2 ? kNever : static_cast<float>(-drawn));
      }
      for (std::uint64_t i = 0; i < 200; ++i, ++draws) {
        const double uniform = key.fold("draw").uniform(i);
        differ += draw_id(row, options, uniform).id != plain_draw(row, options, uniform);
      }
    }
  }
  EXPECT_LE(differ, draws / 1000);
}

}  // namespace
}  // namespace palimpsest
