// The fused kernels of a GPU: what moves memory more than it computes. Each is a value that is called by every thread
// with its place (device_place.h); blocks() and memory() say how many blocks it is cut into and the floats that one
// needs. Fewer blocks may run it. A sum has the same bits with any number of blocks.
//
// Shapes: N rows (positions), D width, F hidden width, E head width, R = E/2 pairs.
#pragma once

#include <cmath>

#include "backbone/kernels/adamw_math.h"
#include "backbone/kernels/device_place.h"
#include "backbone/kernels/loops.h"

namespace palimpsest::device {

using loops::load;
using loops::store;

// Where a chunk of so many rows ends.
PALIMPSEST_HOST_AND_DEVICE std::int64_t end_of(std::int64_t chunk, std::int64_t rows) {
  return (chunk + 1) * kRowsAChunk < rows ? (chunk + 1) * kRowsAChunk : rows;
}
inline constexpr std::int64_t kWarps = kThreads / kLanes;

// One block a row.
template <class N>
struct NormForward {
  loops::NormForward<N> arrays;
  std::int64_t rows;

  std::int64_t blocks() const { return rows; }
  std::int64_t memory() const { return kWarps; }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    const std::int64_t width = arrays.width;
    for (std::int64_t row = here.block(); row < rows; row += here.blocks()) {
      const float* x = arrays.x_ND + row * width;
      const N* delta = arrays.delta_ND ? arrays.delta_ND + row * width : nullptr;
      float* sum = arrays.sum_ND ? arrays.sum_ND + row * width : nullptr;
      float squares = 0;
      for (std::int64_t i = here.thread(); i < width; i += here.threads()) {
        const float value = delta ? x[i] + load(delta[i]) : x[i];
        if (delta) sum[i] = value;
        squares += value * value;
      }
      squares = block_sum(squares, here.memory(), here);
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + arrays.epsilon);
      if (here.thread() == 0) arrays.scale_N[row] = scale;
      const float* whole = delta ? sum : x;  // each thread reads what it wrote itself
      N* normed = arrays.normed_ND + row * width;
      for (std::int64_t i = here.thread(); i < width; i += here.threads())
        store(normed[i], whole[i] * scale * arrays.weight_D[i]);
    }
  }
};

// One block a chunk of rows. grad_weight_D is [chunks,D]. Each thread keeps the sums of its own columns.
template <class N>
struct NormBackward {
  loops::NormBackward<N> arrays;
  std::int64_t rows;

  std::int64_t blocks() const { return chunks_of(rows); }
  std::int64_t memory() const { return kWarps + arrays.width; }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    const std::int64_t width = arrays.width;
    float* sums = here.memory() + kWarps;
    for (std::int64_t chunk = here.block(); chunk < chunks_of(rows); chunk += here.blocks()) {
      for (std::int64_t i = here.thread(); i < width; i += here.threads()) sums[i] = 0;
      for (std::int64_t row = chunk * kRowsAChunk; row < end_of(chunk, rows); ++row) add_row(row, sums, here);
      float* out = arrays.grad_weight_D + chunk * width;
      for (std::int64_t i = here.thread(); i < width; i += here.threads()) out[i] = sums[i];
    }
  }

 private:
  template <class Place>
  PALIMPSEST_DEVICE void add_row(std::int64_t row, float* sums, const Place& here) const {
    const std::int64_t width = arrays.width;
    const float* x = arrays.x_ND + row * width;
    const N* grad = arrays.grad_normed_ND + row * width;
    const float scale = arrays.scale_N[row];
    float dot = 0;
    for (std::int64_t i = here.thread(); i < width; i += here.threads()) {
      const float g = load(grad[i]);
      dot += g * arrays.weight_D[i] * x[i];
      sums[i] += g * x[i] * scale;
    }
    const float along = block_sum(dot, here.memory(), here) * scale * scale * scale / static_cast<float>(width);
    for (std::int64_t i = here.thread(); i < width; i += here.threads()) {
      const float through = arrays.grad_sum_ND ? arrays.grad_sum_ND[row * width + i] : 0.0f;
      const float out = through + load(grad[i]) * arrays.weight_D[i] * scale - x[i] * along;
      arrays.grad_x_ND[row * width + i] = out;
      if (arrays.grad_delta_ND) store(arrays.grad_delta_ND[row * width + i], out);
    }
  }
};

// One block a row.
template <class N>
struct SwigluForward {
  loops::SwigluArrays<N> arrays;
  std::int64_t rows;

  std::int64_t blocks() const { return rows; }
  std::int64_t memory() const { return 0; }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    const std::int64_t width = arrays.width;
    for (std::int64_t row = here.block(); row < rows; row += here.blocks()) {
      const N *gate = arrays.gate_up_N2F + row * 2 * width, *up = gate + width;
      for (std::int64_t i = here.thread(); i < width; i += here.threads()) {
        const float g = load(gate[i]);
        store(arrays.out[row * width + i], g / (1.0f + loops::exponential(-g)) * load(up[i]));
      }
    }
  }
};

template <class N>
struct SwigluBackward {
  loops::SwigluArrays<N> arrays;
  std::int64_t rows;

  std::int64_t blocks() const { return rows; }
  std::int64_t memory() const { return 0; }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    const std::int64_t width = arrays.width;
    for (std::int64_t row = here.block(); row < rows; row += here.blocks()) {
      const N *gate = arrays.gate_up_N2F + row * 2 * width, *up = gate + width;
      N *grad_gate = arrays.out + row * 2 * width, *grad_up = grad_gate + width;
      for (std::int64_t i = here.thread(); i < width; i += here.threads()) {
        const float g = load(gate[i]), grad = load(arrays.grad_out_NF[row * width + i]);
        const float sigmoid = 1.0f / (1.0f + loops::exponential(-g)), passed = g * sigmoid;
        store(grad_up[i], grad * passed);
        store(grad_gate[i], grad * load(up[i]) * (sigmoid + passed - passed * sigmoid));
      }
    }
  }
};

// One warp a head of a position.
template <class N>
struct RotateForward {
  loops::RotateForward<N> arrays;
  std::int64_t rows;

  std::int64_t blocks() const { return (rows * arrays.heads + kWarps - 1) / kWarps; }
  std::int64_t memory() const { return 0; }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    const std::int64_t warps = here.threads() / kLanes, first = here.block() * warps + here.thread() / kLanes;
    for (std::int64_t item = first; item < rows * arrays.heads; item += here.blocks() * warps)
      turn(item / arrays.heads, item % arrays.heads, here);
  }

 private:
  template <class Place>
  PALIMPSEST_DEVICE void turn(std::int64_t row, std::int64_t head, const Place& here) const {
    const std::int64_t width = arrays.width, pairs = width / 2, lane = here.thread() % kLanes;
    const N* x = arrays.in + row * arrays.in_stride + head * width;
    N* out = arrays.out + row * arrays.out_stride + head * width;
    float scale = 1;
    if (arrays.weight_E) {
      float squares = 0;
      for (std::int64_t i = lane; i < width; i += kLanes) squares += load(x[i]) * load(x[i]);
      scale = 1.0f / std::sqrt(warp_sum(squares, here) / static_cast<float>(width) + arrays.epsilon);
    }
    for (std::int64_t i = lane; i < pairs; i += kLanes) {
      const float a = load(x[i]) * (arrays.weight_E ? scale * arrays.weight_E[i] : 1.0f);
      const float b = load(x[i + pairs]) * (arrays.weight_E ? scale * arrays.weight_E[i + pairs] : 1.0f);
      const float cos = arrays.cos_NR[row * pairs + i], sin = arrays.sin_NR[row * pairs + i];
      store(out[i], a * cos - b * sin);
      store(out[i + pairs], a * sin + b * cos);
    }
  }
};

// One block a chunk of rows, one warp a head of a position. grad_weight_E is [chunks,E]. Each lane keeps the sums of
// its own pairs.
template <class N>
struct RotateBackward {
  loops::RotateBackward<N, N> arrays;
  std::int64_t rows;

  std::int64_t blocks() const { return chunks_of(rows); }
  std::int64_t memory() const { return arrays.weight_E ? kWarps * arrays.width : 0; }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    const std::int64_t width = arrays.width, warps = here.threads() / kLanes, warp = here.thread() / kLanes,
                       heads = arrays.heads;
    float* sums = arrays.weight_E ? here.memory() + warp * width : nullptr;
    for (std::int64_t chunk = here.block(); chunk < chunks_of(rows); chunk += here.blocks()) {
      if (sums) {
        for (std::int64_t i = here.thread() % kLanes; i < width / 2; i += kLanes) sums[i] = sums[i + width / 2] = 0;
      }
      const std::int64_t first = chunk * kRowsAChunk;
      for (std::int64_t item = warp; item < (end_of(chunk, rows) - first) * heads; item += warps)
        turn_back(first + item / heads, item % heads, sums, here);
      if (!sums) continue;
      here.barrier();
      for (std::int64_t i = here.thread(); i < width; i += here.threads()) {
        float total = 0;
        for (std::int64_t other = 0; other < warps; ++other) total += here.memory()[other * width + i];
        arrays.grad_weight_E[chunk * width + i] = total;
      }
      here.barrier();  // before the next chunk's are written
    }
  }

 private:
  // The gradient of the rotation's input at pair i, which its transpose gives.
  struct Pair {
    float a, b;
  };
  PALIMPSEST_DEVICE Pair turned(std::int64_t row, std::int64_t head, std::int64_t i) const {
    const std::int64_t pairs = arrays.width / 2;
    const N* grad = arrays.grad_out + row * arrays.out_stride + head * arrays.width;
    const float cos = arrays.cos_NR[row * pairs + i], sin = arrays.sin_NR[row * pairs + i];
    const float a = load(grad[i]), b = load(grad[i + pairs]);
    return {a * cos + b * sin, b * cos - a * sin};
  }

  template <class Place>
  PALIMPSEST_DEVICE void turn_back(std::int64_t row, std::int64_t head, float* sums, const Place& here) const {
    const std::int64_t width = arrays.width, pairs = width / 2, lane = here.thread() % kLanes;
    const N* x = arrays.in + row * arrays.in_stride + head * width;
    N* out = arrays.grad_in + row * arrays.in_stride + head * width;
    const float* weight = arrays.weight_E;
    float squares = 0, dot = 0;
    for (std::int64_t i = lane; weight && i < pairs; i += kLanes) {
      const Pair grad = turned(row, head, i);
      const float a = load(x[i]), b = load(x[i + pairs]);
      squares += a * a + b * b;
      dot += grad.a * weight[i] * a + grad.b * weight[i + pairs] * b;
    }
    float scale = 1, along = 0;
    if (weight) {
      scale = 1.0f / std::sqrt(warp_sum(squares, here) / static_cast<float>(width) + arrays.epsilon);
      along = warp_sum(dot, here) * scale * scale * scale / static_cast<float>(width);
    }
    for (std::int64_t i = lane; i < pairs; i += kLanes) {
      const Pair grad = turned(row, head, i);
      const float a = load(x[i]), b = load(x[i + pairs]);
      if (weight) {
        sums[i] += grad.a * a * scale;
        sums[i + pairs] += grad.b * b * scale;
      }
      store(out[i], weight ? grad.a * weight[i] * scale - a * along : grad.a);
      store(out[i + pairs], weight ? grad.b * weight[i + pairs] * scale - b * along : grad.b);
    }
  }
};

// Several parameters, each by as many blocks as the largest needs. Without a gradient only the average moves.
struct AdamW {
  static constexpr int kMost = 64;  // of a call, whose arguments have 4 KB
  struct Parameter {
    loops::AdamWArrays arrays;
    const float* steps;  // this update counted
    std::int64_t size;
  };
  Parameter parameters[kMost];
  AdamWRates rates;
  std::int64_t count = 0, parts = 1;

  std::int64_t blocks() const { return count * parts; }
  std::int64_t memory() const { return sizeof(loops::AdamWFactors) / sizeof(float); }

  template <class Place>
  PALIMPSEST_DEVICE void operator()(const Place& here) const {
    auto* factors = reinterpret_cast<loops::AdamWFactors*>(here.memory());
    for (std::int64_t block = here.block(); block < count * parts; block += here.blocks()) {
      const Parameter& mine = parameters[block / parts];
      if (here.thread() == 0) *factors = loops::adamw_factors(rates, mine.arrays.gradient ? *mine.steps : 1.0);
      here.barrier();
      const std::int64_t first = block % parts * here.threads() + here.thread();
      for (std::int64_t i = first; i < mine.size; i += parts * here.threads()) step(mine.arrays, *factors, i);
      here.barrier();  // before the factors of another are written
    }
  }

 private:
  PALIMPSEST_DEVICE static void step(const loops::AdamWArrays& arrays, const loops::AdamWFactors& factors,
                                     std::int64_t i) {
    if (arrays.gradient) arrays.value[i] = loops::adamw_value(arrays, factors, i);
    if (arrays.average)
      arrays.average[i] = loops::moved(arrays.average[i], arrays.value[i], loops::way_of(factors.average_share));
  }
};

}  // namespace palimpsest::device
