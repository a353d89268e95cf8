// Vectors of 16 numbers, and the one product that attention is made of. For the sources of loops alone.
//
// A Unit says how pairs of bfloat16 are multiplied and how vectors are rounded, reduced and raised to powers. Every
// product is C[r,c] (+)= sum over depth of A B, where one step of depth is a pair of bfloat16 in a 32-bit word: of A
// one word is spread over the lanes, of B a vector of words is read.
//
// Each source that includes this compiles a copy of its own for its own processors, hence the unnamed namespace.
#pragma once

#include <cmath>

#include "backbone/kernels/loop_math.h"

namespace palimpsest::loops {

namespace {

inline constexpr std::int64_t kLanes = 16;
inline constexpr std::int64_t kTileRows = 4, kTileVectors = 4;

using Floats = float __attribute__((vector_size(64)));
using Words = std::uint32_t __attribute__((vector_size(64)));
using FloatsAt = float __attribute__((vector_size(64), aligned(4), may_alias));
using WordsAt = std::uint32_t __attribute__((vector_size(64), aligned(4), may_alias));
using Halves = std::uint16_t __attribute__((vector_size(32)));
using HalvesAt = std::uint16_t __attribute__((vector_size(32), aligned(2), may_alias));

PALIMPSEST_INSIDE Floats load_floats(const float* place) { return *reinterpret_cast<const FloatsAt*>(place); }
PALIMPSEST_INSIDE void store_floats(float* place, Floats x) { *reinterpret_cast<FloatsAt*>(place) = x; }
PALIMPSEST_INSIDE Words load_words(const std::uint32_t* place) { return *reinterpret_cast<const WordsAt*>(place); }
PALIMPSEST_INSIDE void store_words(std::uint32_t* place, Words x) { *reinterpret_cast<WordsAt*>(place) = x; }
PALIMPSEST_INSIDE Halves load_halves(const Bf16* place) { return *reinterpret_cast<const HalvesAt*>(place); }
PALIMPSEST_INSIDE void store_halves(Bf16* place, Halves x) { *reinterpret_cast<HalvesAt*>(place) = x; }
// Pairs of two rows, lane by lane.
PALIMPSEST_INSIDE Words paired(Halves low, Halves high) {
  return __builtin_convertvector(low, Words) | (__builtin_convertvector(high, Words) << 16);
}

constexpr std::int64_t round_up(std::int64_t x, std::int64_t step) { return (x + step - 1) / step * step; }

struct Product {
  const std::uint32_t* a;
  std::int64_t a_row, a_depth;  // steps in words
  const std::uint32_t* b;
  std::int64_t b_depth;
  float* c;
  std::int64_t c_row;
  std::int64_t rows, columns, depth;  // rows in fours, columns in sixteens
  bool add;
};

template <class Unit, int kVectors>
PALIMPSEST_INSIDE void product_tile(const Product& p, std::int64_t row, std::int64_t column) {
  const std::uint32_t* a = p.a + row * p.a_row;
  const std::uint32_t* b = p.b + column;
  float* c = p.c + row * p.c_row + column;
  Floats sum[kTileRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = p.add ? load_floats(c + r * p.c_row + v * kLanes) : Floats{};
  }
  for (std::int64_t k = 0; k < p.depth; ++k) {
    Words right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = load_words(b + k * p.b_depth + v * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kTileRows; ++r) {
      const Words left = Unit::spread(a[r * p.a_row + k * p.a_depth]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Unit::dot(sum[r][v], left, right[v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store_floats(c + r * p.c_row + v * kLanes, sum[r][v]);
  }
}

template <class Unit>
PALIMPSEST_INSIDE void product(const Product& p) {
  std::int64_t column = 0;
  for (; column + kTileVectors * kLanes <= p.columns; column += kTileVectors * kLanes) {
    for (std::int64_t row = 0; row < p.rows; row += kTileRows) product_tile<Unit, kTileVectors>(p, row, column);
  }
  for (; column < p.columns; column += kLanes) {
    for (std::int64_t row = 0; row < p.rows; row += kTileRows) product_tile<Unit, 1>(p, row, column);
  }
}

PALIMPSEST_INSIDE const std::uint32_t* words(const Bf16* rows) { return reinterpret_cast<const std::uint32_t*>(rows); }

}  // namespace

}  // namespace palimpsest::loops
