// The attention loops by AVX-512's dot products of bfloat16 pairs. Compiled for processors that have them, called on
// no other: nothing here may be shared with other sources.
#include <immintrin.h>

#include "backbone/kernels/attention_body.h"

namespace palimpsest::loops {

namespace {

struct Avx512 {
  static PALIMPSEST_INSIDE Words spread(std::uint32_t word) {
    return (Words)_mm512_set1_epi32(static_cast<std::int32_t>(word));
  }
  static PALIMPSEST_INSIDE Floats dot(Floats sum, Words a, Words b) {
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
  static PALIMPSEST_INSIDE Halves rounded(Floats x) { return (Halves)_mm512_cvtneps_pbh((__m512)x); }
  // 2^x: the whole part to the exponent, the rest in [-1/2, 1/2] by Taylor's polynomial of degree 5 (2.4e-6).
  static PALIMPSEST_INSIDE Floats power_of_two(Floats x) {
    const __m512 whole = _mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Floats r = x - (Floats)whole;
    Floats p = r * 1.33335581e-3f + 9.61812911e-3f;
    p = p * r + 5.55041087e-2f;
    p = p * r + 2.40226507e-1f;
    p = p * r + 6.93147181e-1f;
    p = p * r + 1.0f;
    return (Floats)_mm512_scalef_ps((__m512)p, whole);
  }
  static PALIMPSEST_INSIDE float greatest(Floats x) { return _mm512_reduce_max_ps((__m512)x); }
  static PALIMPSEST_INSIDE float total(Floats x) { return _mm512_reduce_add_ps((__m512)x); }
  // 16 x 16 words, transposed by rounds of twos, fours, eights and sixteens.
  static PALIMPSEST_INSIDE void turn(const std::uint32_t* in, std::int64_t in_row, std::uint32_t* out,
                                     std::int64_t out_row) {
    __m512i x[kLanes], y[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) x[i] = (__m512i)load_words(in + i * in_row);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
      y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
      x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
      x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
      x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
      x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      y[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
      y[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
      y[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
      y[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      store_words(out + i * out_row, (Words)_mm512_shuffle_i32x4(y[i], y[i + 8], 0x88));
      store_words(out + (i + 8) * out_row, (Words)_mm512_shuffle_i32x4(y[i], y[i + 8], 0xdd));
      store_words(out + (i + 4) * out_row, (Words)_mm512_shuffle_i32x4(y[i + 4], y[i + 12], 0x88));
      store_words(out + (i + 12) * out_row, (Words)_mm512_shuffle_i32x4(y[i + 4], y[i + 12], 0xdd));
    }
  }
};

void avx512_forward(const AttentionArrays& arrays, const AttentionGroup& group, std::int64_t key_head,
                    std::byte* scratch) {
  attention_forward_body<Avx512>(arrays, group, key_head, scratch);
}
void avx512_backward(const AttentionArrays& arrays, const AttentionGradients& gradients, const AttentionGroup& group,
                     std::int64_t key_head, std::byte* scratch) {
  attention_backward_body<Avx512>(arrays, gradients, group, key_head, scratch);
}

constexpr AttentionLoops kAvx512Loops{&avx512_forward, &avx512_backward};

}  // namespace

const AttentionLoops* avx512_attention_loops() {
  const bool there = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return there ? &kAvx512Loops : nullptr;
}

}  // namespace palimpsest::loops
