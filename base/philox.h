// The Philox4x32-10 block function, shared by the CPU and CUDA builds so that both draw the same bits.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PALIMPSEST_HOST_DEVICE __host__ __device__
#else
#define PALIMPSEST_HOST_DEVICE
#endif

namespace palimpsest {

struct PhiloxBlock {
  std::uint32_t words[4];
};

// Ten rounds of Philox-4x32 over a 128-bit counter with a 64-bit key.
PALIMPSEST_HOST_DEVICE inline PhiloxBlock philox4x32(std::uint64_t key, std::uint64_t counter_low,
                                                     std::uint64_t counter_high) {
  std::uint32_t c0 = static_cast<std::uint32_t>(counter_low), c1 = static_cast<std::uint32_t>(counter_low >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(counter_high), c3 = static_cast<std::uint32_t>(counter_high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// The top 52 bits as a double strictly between 0 and 1 (with 53, the largest would round to 1).
PALIMPSEST_HOST_DEVICE inline double uniform_from_bits(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52;
}

// 64 random bits: draw `counter` of a key's stream, two draws to a block. The upper half of the block counter is zero
// for draws; base/random.cpp gives the other uses of a key other values.
PALIMPSEST_HOST_DEVICE inline std::uint64_t draw_bits(std::uint64_t key, std::uint64_t counter) {
  const PhiloxBlock block = philox4x32(key, counter / 2, 0);
  const int first = counter % 2 == 0 ? 0 : 2;
  return block.words[first] | (static_cast<std::uint64_t>(block.words[first + 1]) << 32);
}

}  // namespace palimpsest
