// Where a thread of a GPU kernel stands, and sums over threads. A kernel is a plain function of its place, so that the
// same source runs on a GPU (fused_cuda.cu) and, in tests, on a CPU.
//
// A place has block(), blocks(), thread(), threads(); memory(), the block's floats, of no value at first; barrier(), at
// which all threads of the block meet; and from_lane(x, mask), the x of the lane whose number differs in the bits of
// mask, called by all lanes of a warp together.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PALIMPSEST_DEVICE __device__ inline
#define PALIMPSEST_HOST_AND_DEVICE __host__ __device__ inline
#else
#define PALIMPSEST_DEVICE inline
#define PALIMPSEST_HOST_AND_DEVICE inline
#endif

namespace palimpsest::device {

inline constexpr int kLanes = 32;                // of a warp
inline constexpr int kThreads = 256;             // of a block
inline constexpr std::int64_t kMemory = 12'000;  // floats of a block; every GPU has so many without being asked

// Gradients of weights are summed over so many rows by one block, whose sums are then added.
inline constexpr std::int64_t kRowsAChunk = 32;
PALIMPSEST_HOST_AND_DEVICE std::int64_t chunks_of(std::int64_t rows) { return (rows + kRowsAChunk - 1) / kRowsAChunk; }

// The sum over a warp: the same bits in each lane.
template <class Place>
PALIMPSEST_DEVICE float warp_sum(float x, const Place& here) {
  for (int mask = kLanes / 2; mask > 0; mask /= 2) x += here.from_lane(x, mask);
  return x;
}

// The sum over a block, the same bits in each thread; `sums` has one float of the block's memory for each warp.
template <class Place>
PALIMPSEST_DEVICE float block_sum(float x, float* sums, const Place& here) {
  x = warp_sum(x, here);
  if (here.thread() % kLanes == 0) sums[here.thread() / kLanes] = x;
  here.barrier();
  float total = 0;
  for (int warp = 0; warp < here.threads() / kLanes; ++warp) total += sums[warp];
  here.barrier();  // before they are written again
  return total;
}

}  // namespace palimpsest::device
