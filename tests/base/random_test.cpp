#include "base/random.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <set>

namespace palimpsest {
namespace {

// The known answers that Random123 publishes for philox4x32 with 10 rounds.
TEST(Philox, KnownAnswers) {
  const auto expect_words = [](PhiloxBlock block, std::array<std::uint32_t, 4> words) {
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(block.words[i], words[i]) << "word " << i;
  };
  constexpr std::uint64_t kOnes = ~std::uint64_t{0};
  expect_words(philox4x32(0, 0, 0), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  expect_words(philox4x32(kOnes, kOnes, kOnes), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  expect_words(philox4x32(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

std::vector<RandomKey> some_keys(std::size_t count) {
  std::vector<RandomKey> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(RandomKey::root(7).fold("rows").fold(i));
  return keys;
}

TEST(RandomKey, DifferentPathsGiveDifferentKeys) {
  std::set<std::uint64_t> values;
  std::size_t made = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const RandomKey root = RandomKey::root(seed);
    for (const RandomKey& key :
         {root, root.fold("noise"), root.fold("times"), root.fold(0), root.fold(1), root.fold(0).fold(1),
          root.fold(1).fold(0), root.fold("noise").fold("times"), root.fold("times").fold("noise"), root.fold("")}) {
      values.insert(key.value);
      ++made;
    }
  }
  EXPECT_EQ(values.size(), made);
}

TEST(RandomKey, DrawsOfOneKeyNeverChange) {
  // Written down once: a change here would change every run that was ever made.
  const RandomKey key = RandomKey::root(1).fold(2);
  EXPECT_EQ(key.value, 0xa431134018522785u);
  EXPECT_EQ(key.bits(0), 0x255783289048cde8u);
  EXPECT_EQ(key.bits(3), 0xd298ffe3d0c6ac7u);
}

TEST(RandomKey, BelowIsEven) {
  const RandomKey key = RandomKey::root(3).fold("below");
  std::array<int, 7> counts{};
  constexpr int kDraws = 70'000;
  for (std::uint64_t i = 0; i < kDraws; ++i) ++counts[key.below(7, i)];
  // 10,000 expected in each; the deviation is 93.
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 7, 5 * 93);
  EXPECT_EQ(key.below(1, 12), 0u);
  EXPECT_THROW(key.below(0, 0), c10::Error);
}

TEST(Uniform, LiesStrictlyBetweenZeroAndOne) {
  EXPECT_GT(uniform_from_bits(0), 0.0);
  EXPECT_LT(uniform_from_bits(~std::uint64_t{0}), 1.0);
  const at::Tensor draws_BN = uniform_BN(some_keys(5), 20'001);
  EXPECT_GT(draws_BN.min().item<double>(), 0.0);
  EXPECT_LT(draws_BN.max().item<double>(), 1.0);
  // Standard errors of mean and variance at 100,005 draws: 0.0009 and 0.00024.
  EXPECT_NEAR(draws_BN.mean().item<double>(), 0.5, 0.0045);
  EXPECT_NEAR(draws_BN.var().item<double>(), 1.0 / 12, 0.0012);
}

TEST(Uniform, IsAFunctionOfKeyAndCounterAlone) {
  const auto keys = some_keys(9);
  const at::Tensor draws_BN = uniform_BN(keys, 5'003);
  for (std::size_t row : {0u, 4u, 8u}) {
    const RandomKey key = keys[row];
    EXPECT_TRUE(at::equal(uniform_BN(std::span(&key, 1), 5'003)[0], draws_BN[static_cast<std::int64_t>(row)]));
    for (std::uint64_t draw : {0u, 1u, 2u, 77u, 5'002u}) {
      EXPECT_EQ(key.uniform(draw),
                draws_BN[static_cast<std::int64_t>(row)][static_cast<std::int64_t>(draw)].item<double>());
    }
    EXPECT_TRUE(
        at::equal(uniform_BN(std::span(&key, 1), 100)[0], draws_BN[static_cast<std::int64_t>(row)].slice(0, 0, 100)));
  }
}

TEST(Uniform, DoesNotDependOnThreads) {
  const auto keys = some_keys(3);
  const at::Tensor one = uniform_BN(keys, 30'011), one_normal = normal(keys[0], {3, 30'011});
  at::set_num_threads(3);
  const at::Tensor three = uniform_BN(keys, 30'011), three_normal = normal(keys[0], {3, 30'011});
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(one, three));
  EXPECT_TRUE(at::equal(one_normal, three_normal));
}

TEST(Uniform, OfAKeyTensorIsThatOfTheKeys) {
  const auto keys = some_keys(6);
  const at::Tensor keys_B = key_tensor_B(keys);
  EXPECT_TRUE(at::equal(uniform_BN(keys_B, 1'001), uniform_BN(keys, 1'001)));
  const at::Tensor every_other_B = keys_B.slice(0, 0, 6, 2);
  EXPECT_TRUE(at::equal(uniform_BN(every_other_B, 9), uniform_BN(keys, 9).slice(0, 0, 6, 2)));
  EXPECT_THROW(uniform_BN(keys_B.to(at::kInt), 1), c10::Error);
  EXPECT_THROW(uniform_BN(keys_B, -1), c10::Error);
}

TEST(Uniform, IsBitwiseTheSameOnAGpu_CUDA) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA library or no GPU";
  const auto keys = some_keys(300);
  const at::Tensor on_gpu_BN = uniform_BN(key_tensor_B(keys).to(at::kCUDA), 4'099);
  EXPECT_TRUE(at::equal(on_gpu_BN.cpu(), uniform_BN(keys, 4'099)));
}

TEST(Uniform, OfNothingIsEmpty) {
  EXPECT_EQ(uniform_BN(some_keys(0), 4).sizes(), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(uniform_BN(some_keys(2), 0).sizes(), (std::vector<std::int64_t>{2, 0}));
}

TEST(Normal, HasTheMomentsOfAStandardNormal) {
  const at::Tensor draws = normal(RandomKey::root(5).fold("normal"), {401, 501}).to(at::kDouble);
  EXPECT_EQ(draws.sizes(), (std::vector<std::int64_t>{401, 501}));
  // 200,901 draws: standard errors 0.0022, 0.0032, 0.0055, 0.022.
  EXPECT_NEAR(draws.mean().item<double>(), 0, 0.011);
  EXPECT_NEAR(draws.var().item<double>(), 1, 0.016);
  EXPECT_NEAR(draws.pow(3).mean().item<double>(), 0, 0.044);
  EXPECT_NEAR(draws.pow(4).mean().item<double>(), 3, 0.11);
}

TEST(Normal, APrefixIsThePrefixOfMore) {
  const RandomKey key = RandomKey::root(5).fold("prefix");
  EXPECT_TRUE(at::equal(normal(key, {7}), normal(key, {100}).slice(0, 0, 7)));
}

TEST(Permutation, IsABijectionOfEverySize) {
  for (std::uint64_t size : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 31u, 32u, 33u, 1000u, 4097u}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      std::vector<bool> taken(size, false);
      for (std::uint64_t index = 0; index < size; ++index) {
        const std::uint64_t image = permuted_index(RandomKey::root(seed), index, size);
        ASSERT_LT(image, size);
        ASSERT_FALSE(taken[image]) << "size " << size << ", index " << index;
        taken[image] = true;
      }
    }
  }
}

TEST(Permutation, SendsEveryIndexEverywhereAlike) {
  constexpr std::uint64_t kSize = 5, kKeys = 20'000;
  std::array<std::array<int, kSize>, kSize> counts{};
  for (std::uint64_t seed = 0; seed < kKeys; ++seed) {
    for (std::uint64_t index = 0; index < kSize; ++index) {
      ++counts[index][permuted_index(RandomKey::root(seed), index, kSize)];
    }
  }
  // 4,000 expected in each cell, deviation 57.
  for (const auto& row : counts) {
    for (const int count : row) EXPECT_NEAR(count, 4'000, 5 * 57);
  }
}

TEST(Permutation, RefusesAnIndexOutside) { EXPECT_THROW(permuted_index(RandomKey::root(0), 3, 3), c10::Error); }

}  // namespace
}  // namespace palimpsest
