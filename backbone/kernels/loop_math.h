// What the loops share: how they are compiled for each instruction set, numbers in and out, an exponential that vectors
// can take. For the sources of loops alone.
#pragma once

#include <bit>
#include <cstdint>

#include "backbone/kernels/loops.h"

// By level of the instruction set: a name such as haswell stands for one maker's processors only.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#define PALIMPSEST_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PALIMPSEST_EACH_CPU
#endif
// The bodies are compiled anew inside each clone, and for a GPU.
#ifdef __CUDACC__
#define PALIMPSEST_INSIDE __host__ __device__ inline
#else
#define PALIMPSEST_INSIDE inline __attribute__((always_inline))
#endif

namespace palimpsest::loops {

PALIMPSEST_INSIDE float load(const float& x) { return x; }
PALIMPSEST_INSIDE float load(const Bf16& x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

PALIMPSEST_INSIDE void store(float& place, float x) { place = x; }
// Rounds to the nearest, ties to even; a NaN stays one.
PALIMPSEST_INSIDE void store(Bf16& place, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  place.bits = static_cast<std::uint16_t>(x == x ? rounded : 0x7fc0u);
}

// exp by 2^n times a polynomial of degree 6 in the rest (Cephes' coefficients): within 2 units in the last place, and
// nothing that keeps a compiler from using vectors. Below -87 it is 0 to float32.
PALIMPSEST_INSIDE float exponential(float x) {
  const float low = x < -87.0f ? -87.0f : x;
  const float kept = low > 88.0f ? 88.0f : low;
  const float shifted = kept * 1.44269504f + 12582912.0f;  // rounds to the nearest integer in the low bits
  const float n = shifted - 12582912.0f;
  const float r = (kept - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

}  // namespace palimpsest::loops
