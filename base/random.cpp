#include "base/random.h"

#include <ATen/ops/empty.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "base/files.h"
#include "base/parallel.h"

namespace palimpsest {

namespace {

// The upper half of the counter says what a block is for, so that no two uses ever share one.
enum class Use : std::uint64_t { kDraw = 0, kRoot = 1, kFoldNumber = 2, kFoldName = 3, kPermute = 4 };

__extension__ using Wide = unsigned __int128;

constexpr int kFeistelRounds = 8;
constexpr std::int64_t kDrawsPerTask = 1 << 14;

PhiloxBlock block_of(std::uint64_t key, std::uint64_t counter, Use use, std::uint64_t detail = 0) {
  return philox4x32(key, counter, (static_cast<std::uint64_t>(use) << 56) | detail);
}

std::uint64_t low_half(const PhiloxBlock& block) {
  return block.words[0] | (static_cast<std::uint64_t>(block.words[1]) << 32);
}

std::uint64_t high_half(const PhiloxBlock& block) {
  return block.words[2] | (static_cast<std::uint64_t>(block.words[3]) << 32);
}

std::uint64_t low_bits(std::uint64_t value, int count) { return value & ((std::uint64_t{1} << count) - 1); }

// A bijection of [0, 2^num_bits): an alternating unbalanced Feistel network, halves of num_bits/2 and the rest.
std::uint64_t feistel(RandomKey key, std::uint64_t value, int num_bits) {
  int left_bits = num_bits / 2, right_bits = num_bits - left_bits;
  std::uint64_t left = value >> right_bits, right = low_bits(value, right_bits);
  for (std::uint64_t round = 0; round < kFeistelRounds; ++round) {
    const std::uint64_t mixed = low_half(block_of(key.value, right, Use::kPermute, round));
    const std::uint64_t next = left ^ low_bits(mixed, left_bits);
    left = right;
    right = next;
    std::swap(left_bits, right_bits);
  }
  return (left << right_bits) | right;
}

// Draws [begin, end) of a key: two to a block.
void fill_uniforms(RandomKey key, std::int64_t begin, std::int64_t end, double* out) {
  std::int64_t draw = begin;
  if (draw < end && draw % 2 != 0) *out++ = key.uniform(static_cast<std::uint64_t>(draw++));
  for (; draw + 1 < end; draw += 2) {
    const PhiloxBlock block = block_of(key.value, static_cast<std::uint64_t>(draw) / 2, Use::kDraw);
    *out++ = uniform_from_bits(low_half(block));
    *out++ = uniform_from_bits(high_half(block));
  }
  if (draw < end) *out = key.uniform(static_cast<std::uint64_t>(draw));
}

// Two independent standard normals of two uniforms (Box and Muller 1958).
std::pair<float, float> normal_pair(RandomKey key, std::uint64_t pair) {
  const PhiloxBlock block = block_of(key.value, pair, Use::kDraw);
  const double radius = std::sqrt(-2.0 * std::log(uniform_from_bits(low_half(block))));
  const double angle = 2.0 * std::numbers::pi * uniform_from_bits(high_half(block));
  return {static_cast<float>(radius * std::cos(angle)), static_cast<float>(radius * std::sin(angle))};
}

}  // namespace

RandomKey RandomKey::root(std::uint64_t seed) { return {low_half(block_of(seed, 0, Use::kRoot))}; }

RandomKey RandomKey::fold(std::uint64_t number) const { return {low_half(block_of(value, number, Use::kFoldNumber))}; }

RandomKey RandomKey::fold(std::string_view name) const {
  return {low_half(block_of(value, hash64(name), Use::kFoldName))};
}

std::uint64_t RandomKey::bits(std::uint64_t counter) const { return draw_bits(value, counter); }

double RandomKey::uniform(std::uint64_t counter) const { return uniform_from_bits(bits(counter)); }

std::uint64_t RandomKey::below(std::uint64_t bound, std::uint64_t counter) const {
  TORCH_CHECK(bound > 0, "RandomKey::below: bound must be positive, got 0");
  // The top of bits x bound: off from uniform by at most bound / 2^64.
  return static_cast<std::uint64_t>((Wide{bits(counter)} * bound) >> 64);
}

at::Tensor uniform_BN(std::span<const RandomKey> keys, std::int64_t num_draws) {
  const auto rows = static_cast<std::int64_t>(keys.size());
  at::Tensor result_BN = at::empty({rows, num_draws}, at::kDouble);
  if (result_BN.numel() == 0) return result_BN;
  double* out = result_BN.mutable_data_ptr<double>();
  parallel_for(0, rows * num_draws, kDrawsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin / num_draws; row * num_draws < end; ++row) {
      const std::int64_t first = std::max(begin, row * num_draws), last = std::min(end, (row + 1) * num_draws);
      fill_uniforms(keys[static_cast<std::size_t>(row)], first - row * num_draws, last - row * num_draws, out + first);
    }
  });
  return result_BN;
}

at::Tensor normal(RandomKey key, at::IntArrayRef sizes) {
  at::Tensor result = at::empty(sizes, at::kFloat);
  const std::int64_t count = result.numel();
  float* out = result.mutable_data_ptr<float>();
  parallel_for(0, (count + 1) / 2, kDrawsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pair = begin; pair < end; ++pair) {
      const auto [first, second] = normal_pair(key, static_cast<std::uint64_t>(pair));
      out[2 * pair] = first;
      if (2 * pair + 1 < count) out[2 * pair + 1] = second;
    }
  });
  return result;
}

std::uint64_t permuted_index(RandomKey key, std::uint64_t index, std::uint64_t size) {
  TORCH_CHECK(index < size, "permuted_index: index must be below the size ", size, ", got ", index);
  if (size == 1) return 0;
  const int num_bits = std::bit_width(size - 1);
  // Outside of [0, size) the walk goes on; it comes back because the network is a bijection.
  do index = feistel(key, index, num_bits);
  while (index >= size);
  return index;
}

}  // namespace palimpsest
