// Counter-based random numbers: a draw is a pure function of a key and a counter, so it does not depend on batch,
// order, worker or device. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// Shapes: B rows, N draws a row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/philox.h"

namespace palimpsest {

// Names a stream of draws. Keys are derived, never advanced:
//   RandomKey::root(seed).fold("noise").fold(sample).fold(step)
struct RandomKey {
  std::uint64_t value = 0;

  static RandomKey root(std::uint64_t seed);
  RandomKey fold(std::uint64_t number) const;
  RandomKey fold(std::string_view name) const;

  // Draw `counter` of this key: 64 random bits; a uniform in (0,1) with 52 bits; an integer in [0, bound).
  std::uint64_t bits(std::uint64_t counter) const;
  double uniform(std::uint64_t counter) const;
  std::uint64_t below(std::uint64_t bound, std::uint64_t counter) const;

  bool operator==(const RandomKey&) const = default;
};

// Uniforms in (0,1), float64, shape [B,N]: row b holds draws 0..N-1 of keys[b].
at::Tensor uniform_BN(std::span<const RandomKey> keys, std::int64_t num_draws);

// The same where keys_B lies, on the CPU or a GPU: keys as int64 of the same bits. The draws are bitwise those of the
// CPU.
at::Tensor uniform_BN(const at::Tensor& keys_B, std::int64_t num_draws);
// Keys as such a tensor, on the CPU.
at::Tensor key_tensor_B(std::span<const RandomKey> keys);

// Standard normals, float32, `sizes`, draws 0.. of `key` in row-major order (Box-Muller).
at::Tensor normal(RandomKey key, at::IntArrayRef sizes);

// A keyed bijection of [0, size): where `index` goes. O(1) memory (cycle-walking Feistel network).
std::uint64_t permuted_index(RandomKey key, std::uint64_t index, std::uint64_t size);

}  // namespace palimpsest
