#include "pipelines/sampling/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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
  options.roles["picture"].top_p = 1.5;
  EXPECT_EQ(complaint(options), "roles.picture.top_p: must be above 0 and at most 1");
}

TEST(SamplerOptions, RolesOverrideWhatTheyName) {
  SamplerOptions options;
  options.top_k = 7;
  options.roles["picture"].temperature = 0.5;
  EXPECT_EQ(options.draw("picture").temperature, 0.5);
  EXPECT_EQ(options.draw("picture").top_k, 7);
  EXPECT_EQ(options.draw("caption").temperature, 1.0);
}

}  // namespace
}  // namespace palimpsest
