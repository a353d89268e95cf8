#include "backbone/kernels/loops.h"

#include <bit>
#include <cmath>
#include <limits>

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#define PALIMPSEST_EACH_CPU __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define PALIMPSEST_EACH_CPU
#endif

namespace palimpsest::loops {

namespace {

// exp by 2^n times a polynomial of degree 6 in the rest (Cephes' coefficients): within 2 units in the last place, and
// nothing that keeps a compiler from using vectors. Below -87 it is 0 to float32.
inline float exponential(float x) {
  const float kept = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
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

}  // namespace

PALIMPSEST_EACH_CPU void norm_forward(const NormForward& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  const float* __restrict weight = arrays.weight_D;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict x = arrays.x_ND + row * width;
    float* __restrict normed = arrays.normed_ND + row * width;
    float squares = 0;
    if (arrays.delta_ND) {
      const float* __restrict delta = arrays.delta_ND + row * width;
      float* __restrict sum = arrays.sum_ND + row * width;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t i = 0; i < width; ++i) {
        sum[i] = x[i] + delta[i];
        squares += sum[i] * sum[i];
      }
      x = sum;
    } else {
#pragma omp simd reduction(+ : squares)
      for (std::int64_t i = 0; i < width; ++i) squares += x[i] * x[i];
    }
    const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + arrays.epsilon);
    arrays.scale_N[row] = scale;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) normed[i] = x[i] * scale * weight[i];
  }
}

PALIMPSEST_EACH_CPU void norm_backward(const NormBackward& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  const float* __restrict weight = arrays.weight_D;
  float* __restrict grad_weight = arrays.grad_weight_D;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict x = arrays.x_ND + row * width;
    const float* __restrict grad = arrays.grad_normed_ND + row * width;
    float* __restrict out = arrays.grad_x_ND + row * width;
    const float scale = arrays.scale_N[row];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t i = 0; i < width; ++i) {
      dot += grad[i] * weight[i] * x[i];
      grad_weight[i] += grad[i] * x[i] * scale;
    }
    const float along = dot * scale * scale * scale / static_cast<float>(width);
    if (arrays.grad_sum_ND) {
      const float* __restrict grad_sum = arrays.grad_sum_ND + row * width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) out[i] = grad_sum[i] + grad[i] * weight[i] * scale - x[i] * along;
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) out[i] = grad[i] * weight[i] * scale - x[i] * along;
    }
  }
}

PALIMPSEST_EACH_CPU void swiglu_forward(const SwigluArrays& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict gate = arrays.gate_up_N2F + row * 2 * width;
    const float* __restrict up = gate + width;
    float* __restrict out = arrays.out + row * width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) out[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
  }
}

PALIMPSEST_EACH_CPU void swiglu_backward(const SwigluArrays& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict gate = arrays.gate_up_N2F + row * 2 * width;
    const float* __restrict up = gate + width;
    const float* __restrict grad = arrays.grad_out_NF + row * width;
    float* __restrict grad_gate = arrays.out + row * 2 * width;
    float* __restrict grad_up = grad_gate + width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      const float sigmoid = 1.0f / (1.0f + exponential(-gate[i]));
      const float passed = gate[i] * sigmoid;
      grad_up[i] = grad[i] * passed;
      grad_gate[i] = grad[i] * up[i] * (sigmoid + passed - passed * sigmoid);
    }
  }
}

PALIMPSEST_EACH_CPU void rotate_forward(const RotateArrays& arrays, Rows rows) {
  const std::int64_t width = arrays.width, pairs = width / 2;
  const float* __restrict weight = arrays.weight_E;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict cos = arrays.cos_NR + row * pairs;
    const float* __restrict sin = arrays.sin_NR + row * pairs;
    for (std::int64_t head = 0; head < arrays.heads; ++head) {
      const float* __restrict x = arrays.in + row * arrays.in_stride + head * width;
      float* __restrict out = arrays.out + (row * arrays.heads + head) * width;
      if (!weight) {
#pragma omp simd
        for (std::int64_t i = 0; i < pairs; ++i) {
          out[i] = x[i] * cos[i] - x[i + pairs] * sin[i];
          out[i + pairs] = x[i] * sin[i] + x[i + pairs] * cos[i];
        }
        continue;
      }
      float squares = 0;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t i = 0; i < width; ++i) squares += x[i] * x[i];
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + arrays.epsilon);
#pragma omp simd
      for (std::int64_t i = 0; i < pairs; ++i) {
        const float a = x[i] * scale * weight[i], b = x[i + pairs] * scale * weight[i + pairs];
        out[i] = a * cos[i] - b * sin[i];
        out[i + pairs] = a * sin[i] + b * cos[i];
      }
    }
  }
}

PALIMPSEST_EACH_CPU void rotate_backward(const RotateArrays& arrays, Rows rows) {
  const std::int64_t width = arrays.width, pairs = width / 2;
  const float* __restrict weight = arrays.weight_E;
  float* __restrict grad_weight = arrays.grad_weight_E;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict cos = arrays.cos_NR + row * pairs;
    const float* __restrict sin = arrays.sin_NR + row * pairs;
    for (std::int64_t head = 0; head < arrays.heads; ++head) {
      const float* __restrict x = arrays.in + row * arrays.in_stride + head * width;
      const float* __restrict grad = arrays.grad_out_NHE + (row * arrays.heads + head) * width;
      float* __restrict out = arrays.out + row * arrays.in_stride + head * width;
#pragma omp simd
      for (std::int64_t i = 0; i < pairs; ++i) {  // the rotation's transpose
        out[i] = grad[i] * cos[i] + grad[i + pairs] * sin[i];
        out[i + pairs] = grad[i + pairs] * cos[i] - grad[i] * sin[i];
      }
      if (!weight) continue;
      float squares = 0, dot = 0;
#pragma omp simd reduction(+ : squares, dot)
      for (std::int64_t i = 0; i < width; ++i) {
        squares += x[i] * x[i];
        dot += out[i] * weight[i] * x[i];
      }
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + arrays.epsilon);
      const float along = dot * scale * scale * scale / static_cast<float>(width);
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        grad_weight[i] += out[i] * x[i] * scale;
        out[i] = out[i] * weight[i] * scale - x[i] * along;
      }
    }
  }
}

PALIMPSEST_EACH_CPU void cross_entropy_forward(const CrossEntropyArrays& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict logits = arrays.logits_NC + row * width;
    float greatest = -std::numeric_limits<float>::infinity(), total = 0;
#pragma omp simd reduction(max : greatest)
    for (std::int64_t i = 0; i < width; ++i) greatest = logits[i] > greatest ? logits[i] : greatest;
#pragma omp simd reduction(+ : total)
    for (std::int64_t i = 0; i < width; ++i) total += exponential(logits[i] - greatest);
    arrays.log_sum_exp_N[row] = greatest + std::log(total);
    arrays.out[row] = arrays.log_sum_exp_N[row] - logits[arrays.target_N[row]];
  }
}

PALIMPSEST_EACH_CPU void cross_entropy_backward(const CrossEntropyArrays& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict logits = arrays.logits_NC + row * width;
    float* __restrict out = arrays.out + row * width;
    const float log_sum_exp = arrays.log_sum_exp_N[row], grad = arrays.grad_nll_N[row];
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) out[i] = exponential(logits[i] - log_sum_exp) * grad;
    out[arrays.target_N[row]] -= grad;
  }
}

}  // namespace palimpsest::loops
