// The loops over a row of log-probabilities beside their plain twins.
#include "backbone/kernels/distribution_loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "backbone/kernels/chunks.h"
#include "base/parameters.h"
#include "base/random.h"

namespace palimpsest {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// Values that look like log-probabilities, some of them impossible.
std::vector<float> random_row(std::int64_t ids, std::uint64_t seed, double spread) {
  const RandomKey key = RandomKey::root(seed);
  std::vector<float> row;
  for (std::int64_t id = 0; id < ids; ++id) {
    const auto draw = static_cast<std::uint64_t>(id);
    const bool never = key.fold("never").uniform(draw) < 0.1;
    row.push_back(never ? kNothing : static_cast<float>(-spread * key.uniform(draw)));
  }
  return row;
}

TEST(DistributionLoops, WeightsAreThoseOfTheKeptIds) {
  for (const std::int64_t ids : {1, 7, 256, 257, 1000}) {
    const auto row = random_row(ids, 1, 120);
    const float highest = *std::max_element(row.begin(), row.end());
    if (highest == kNothing) continue;
    const loops::Cut cut{row[static_cast<std::size_t>(ids / 2)], static_cast<std::int32_t>(ids / 2)};
    const loops::Weighing weighing{row.data(), highest, 0.7f, cut};
    std::vector<float> weight(row.size());
    loops::weights(weighing, 0, ids, weight.data());
    std::vector<double> sums(static_cast<std::size_t>(loops::num_id_blocks(ids))), expected(sums.size(), 0.0);
    loops::block_weights(weighing, ids, sums.data());
    for (std::int64_t id = 0; id < ids; ++id) {
      const float value = row[static_cast<std::size_t>(id)];
      const bool kept = value > cut.value || (value == cut.value && id <= cut.id);
      const double exact = kept ? std::exp(0.7 * (static_cast<double>(value) - highest)) : 0;
      EXPECT_NEAR(weight[static_cast<std::size_t>(id)], exact, 1e-5 * exact + 1e-37) << id << " of " << ids;
      expected[static_cast<std::size_t>(id / loops::kIdsABlock)] += exact;
    }
    for (std::size_t block = 0; block < sums.size(); ++block)
      EXPECT_NEAR(sums[block], expected[block], 1e-5 * expected[block] + 1e-37);
  }
}

TEST(DistributionLoops, GreatestsAndEntropyAreThoseOfTheRow) {
  for (const std::int64_t ids : {1, 2, 15, 16, 17, 300, 4097}) {
    const auto row = random_row(ids, 2, 9);
    auto sorted = row;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const loops::Greatest greatest = loops::two_greatest(row.data(), ids);
    EXPECT_EQ(greatest.first, sorted[0]);
    EXPECT_EQ(greatest.second, ids > 1 ? sorted[1] : kNothing);
    std::vector<float> blocks(static_cast<std::size_t>(loops::num_id_blocks(ids)));
    loops::block_greatest(row.data(), ids, blocks.data());
    EXPECT_EQ(*std::max_element(blocks.begin(), blocks.end()), sorted[0]);
    double entropy = 0;
    for (const float x : row) entropy -= x == kNothing ? 0 : std::exp(static_cast<double>(x)) * x;
    EXPECT_NEAR(loops::entropy(row.data(), ids), entropy, 1e-5 * entropy + 1e-12) << ids;
  }
}

TEST(DistributionLoops, LogSoftmaxIsThatOfTheRow) {
  for (const std::int64_t ids : {1, 7, 256, 300, 4097}) {
    at::Tensor logits_V = 9 * normal_init(RandomKey::root(4), "logits", {ids}, 1.0);
    if (ids > 3) logits_V[3].fill_(kNothing);  // as a constraint leaves it
    at::Tensor out_V = at::empty({ids}, at::kFloat);
    const auto expect_exact = [&](const at::Tensor& from_V) {
      const at::Tensor exact_V = at::log_softmax(from_V.to(at::kDouble), 0);
      EXPECT_TRUE(out_V.isfinite().equal(exact_V.isfinite())) << ids;
      EXPECT_TRUE(out_V.to(at::kDouble).nan_to_num(0, 0, 0).allclose(exact_V.nan_to_num(0, 0, 0), 1e-6, 1e-5)) << ids;
    };
    loops::log_softmax_row(logits_V.const_data_ptr<float>(), ids, out_V.mutable_data_ptr<float>());
    expect_exact(logits_V);
    const at::Tensor rounded_V = logits_V.to(at::kBFloat16);
    loops::log_softmax_row(numbers<loops::Bf16>(rounded_V), ids, out_V.mutable_data_ptr<float>());
    expect_exact(rounded_V);
    loops::log_softmax_row(logits_V.const_data_ptr<float>(), ids, logits_V.mutable_data_ptr<float>());  // in place
    loops::log_softmax_row(logits_V.const_data_ptr<float>(), ids, out_V.mutable_data_ptr<float>());
    expect_exact(logits_V);
  }
}

}  // namespace
}  // namespace palimpsest
