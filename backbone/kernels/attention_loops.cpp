// The attention loops for any processor: bfloat16 is widened and multiplied as float32.
#include "backbone/kernels/attention_loops.h"

#include "backbone/kernels/attention_body.h"

namespace palimpsest::loops {

namespace {

struct Portable {
  static PALIMPSEST_INSIDE Words spread(std::uint32_t word) { return Words{} + word; }
  static PALIMPSEST_INSIDE Floats low(Words x) { return (Floats)(x << 16); }
  static PALIMPSEST_INSIDE Floats high(Words x) { return (Floats)(x & 0xffff0000u); }
  static PALIMPSEST_INSIDE Floats dot(Floats sum, Words a, Words b) {
    return sum + low(a) * low(b) + high(a) * high(b);
  }
  // To the nearest, ties to even; a NaN stays one.
  static PALIMPSEST_INSIDE Halves rounded(Floats x) {
    const Words bits = (Words)x;
    const Words nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return __builtin_convertvector(x == x ? nearest : Words{} + 0x7fc0u, Halves);
  }
  // 2^x: whole powers by the exponent, the rest by exp's polynomial.
  static PALIMPSEST_INSIDE Floats power_of_two(Floats x) {
    Floats result;
    for (int i = 0; i < kLanes; ++i) result[i] = x[i] < -126.0f ? 0.0f : exponential(x[i] * 0.69314718f);
    return result;
  }
  static PALIMPSEST_INSIDE float greatest(Floats x) {
    float found = x[0];
    for (int i = 1; i < kLanes; ++i) found = x[i] > found ? x[i] : found;
    return found;
  }
  static PALIMPSEST_INSIDE float total(Floats x) {
    float sum = 0;
    for (int i = 0; i < kLanes; ++i) sum += x[i];
    return sum;
  }
  static PALIMPSEST_INSIDE void turn(const std::uint32_t* in, std::int64_t in_row, std::uint32_t* out,
                                     std::int64_t out_row) {
    for (int i = 0; i < kLanes; ++i) {
      for (int w = 0; w < kLanes; ++w) out[w * out_row + i] = in[i * in_row + w];
    }
  }
};

PALIMPSEST_EACH_CPU void forward(const AttentionArrays& arrays, const AttentionGroup& group, std::int64_t key_head,
                                 std::byte* scratch) {
  attention_forward_body<Portable>(arrays, group, key_head, scratch);
}
PALIMPSEST_EACH_CPU void backward(const AttentionArrays& arrays, const AttentionGradients& gradients,
                                  const AttentionGroup& group, std::int64_t key_head, std::byte* scratch) {
  attention_backward_body<Portable>(arrays, gradients, group, key_head, scratch);
}

}  // namespace

std::int64_t attention_scratch_bytes(std::int64_t num_keys, std::int64_t width) {
  return AttentionScratch(nullptr, {num_keys, width}).bytes;
}

const AttentionLoops& portable_attention_loops() {
  static constexpr AttentionLoops loops{&forward, &backward};
  return loops;
}

const AttentionLoops& attention_loops() {
  static const AttentionLoops& fastest =
      avx512_attention_loops() ? *avx512_attention_loops() : portable_attention_loops();
  return fastest;
}

}  // namespace palimpsest::loops
