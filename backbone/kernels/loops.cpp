#include "backbone/kernels/loops.h"

#include <cmath>
#include <limits>

#include "backbone/kernels/loop_math.h"

namespace palimpsest::loops {

namespace {

template <class N>
PALIMPSEST_INSIDE void norm_forward_rows(const NormForward<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  const float* __restrict weight = arrays.weight_D;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict x = arrays.x_ND + row * width;
    N* __restrict normed = arrays.normed_ND + row * width;
    float squares = 0;
    if (arrays.delta_ND) {
      const N* __restrict delta = arrays.delta_ND + row * width;
      float* __restrict sum = arrays.sum_ND + row * width;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t i = 0; i < width; ++i) {
        sum[i] = x[i] + load(delta[i]);
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
    for (std::int64_t i = 0; i < width; ++i) store(normed[i], x[i] * scale * weight[i]);
  }
}

template <class N>
PALIMPSEST_INSIDE void norm_backward_rows(const NormBackward<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  const float* __restrict weight = arrays.weight_D;
  float* __restrict grad_weight = arrays.grad_weight_D;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict x = arrays.x_ND + row * width;
    const N* __restrict grad = arrays.grad_normed_ND + row * width;
    float* __restrict out = arrays.grad_x_ND + row * width;
    const float scale = arrays.scale_N[row];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t i = 0; i < width; ++i) {
      const float g = load(grad[i]);
      dot += g * weight[i] * x[i];
      grad_weight[i] += g * x[i] * scale;
    }
    const float along = dot * scale * scale * scale / static_cast<float>(width);
    if (arrays.grad_sum_ND) {
      const float* __restrict grad_sum = arrays.grad_sum_ND + row * width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) out[i] = grad_sum[i] + load(grad[i]) * weight[i] * scale - x[i] * along;
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) out[i] = load(grad[i]) * weight[i] * scale - x[i] * along;
    }
    if (!arrays.grad_delta_ND) continue;
    N* __restrict grad_delta = arrays.grad_delta_ND + row * width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) store(grad_delta[i], out[i]);
  }
}

template <class N>
PALIMPSEST_INSIDE void swiglu_forward_rows(const SwigluArrays<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const N* __restrict gate = arrays.gate_up_N2F + row * 2 * width;
    const N* __restrict up = gate + width;
    N* __restrict out = arrays.out + row * width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      const float g = load(gate[i]);
      store(out[i], g / (1.0f + exponential(-g)) * load(up[i]));
    }
  }
}

template <class N>
PALIMPSEST_INSIDE void swiglu_backward_rows(const SwigluArrays<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const N* __restrict gate = arrays.gate_up_N2F + row * 2 * width;
    const N* __restrict up = gate + width;
    const N* __restrict grad = arrays.grad_out_NF + row * width;
    N* __restrict grad_gate = arrays.out + row * 2 * width;
    N* __restrict grad_up = grad_gate + width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      const float g = load(gate[i]), out = load(grad[i]);
      const float sigmoid = 1.0f / (1.0f + exponential(-g));
      const float passed = g * sigmoid;
      store(grad_up[i], out * passed);
      store(grad_gate[i], out * load(up[i]) * (sigmoid + passed - passed * sigmoid));
    }
  }
}

template <class N>
PALIMPSEST_INSIDE void rotate_forward_rows(const RotateForward<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width, pairs = width / 2;
  const float* __restrict weight = arrays.weight_E;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict cos = arrays.cos_NR + row * pairs;
    const float* __restrict sin = arrays.sin_NR + row * pairs;
    for (std::int64_t head = 0; head < arrays.heads; ++head) {
      const N* __restrict x = arrays.in + row * arrays.in_stride + head * width;
      N* __restrict out = arrays.out + row * arrays.out_stride + head * width;
      if (!weight) {
#pragma omp simd
        for (std::int64_t i = 0; i < pairs; ++i) {
          const float a = load(x[i]), b = load(x[i + pairs]);
          store(out[i], a * cos[i] - b * sin[i]);
          store(out[i + pairs], a * sin[i] + b * cos[i]);
        }
        continue;
      }
      float squares = 0;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t i = 0; i < width; ++i) squares += load(x[i]) * load(x[i]);
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + arrays.epsilon);
#pragma omp simd
      for (std::int64_t i = 0; i < pairs; ++i) {
        const float a = load(x[i]) * scale * weight[i], b = load(x[i + pairs]) * scale * weight[i + pairs];
        store(out[i], a * cos[i] - b * sin[i]);
        store(out[i + pairs], a * sin[i] + b * cos[i]);
      }
    }
  }
}

template <class N>
PALIMPSEST_INSIDE void rotate_backward_rows(const RotateBackward<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width, pairs = width / 2;
  const float* __restrict weight = arrays.weight_E;
  float* __restrict grad_weight = arrays.grad_weight_E;
  float turned[kWidestHead];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* __restrict cos = arrays.cos_NR + row * pairs;
    const float* __restrict sin = arrays.sin_NR + row * pairs;
    for (std::int64_t head = 0; head < arrays.heads; ++head) {
      const N* __restrict x = arrays.in + row * arrays.in_stride + head * width;
      const float* __restrict grad = arrays.grad_out + row * arrays.out_stride + head * width;
      N* __restrict out = arrays.grad_in + row * arrays.in_stride + head * width;
#pragma omp simd
      for (std::int64_t i = 0; i < pairs; ++i) {  // the rotation's transpose
        turned[i] = grad[i] * cos[i] + grad[i + pairs] * sin[i];
        turned[i + pairs] = grad[i + pairs] * cos[i] - grad[i] * sin[i];
      }
      if (!weight) {
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) store(out[i], turned[i]);
        continue;
      }
      float squares = 0, dot = 0;
#pragma omp simd reduction(+ : squares, dot)
      for (std::int64_t i = 0; i < width; ++i) {
        squares += load(x[i]) * load(x[i]);
        dot += turned[i] * weight[i] * load(x[i]);
      }
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + arrays.epsilon);
      const float along = dot * scale * scale * scale / static_cast<float>(width);
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        grad_weight[i] += turned[i] * load(x[i]) * scale;
        store(out[i], turned[i] * weight[i] * scale - load(x[i]) * along);
      }
    }
  }
}

template <class N>
PALIMPSEST_INSIDE void cross_entropy_forward_rows(const CrossEntropyForward<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const N* __restrict logits = arrays.logits_NC + row * width;
    float greatest = -std::numeric_limits<float>::infinity(), total = 0;
#pragma omp simd reduction(max : greatest)
    for (std::int64_t i = 0; i < width; ++i) {
      const float x = load(logits[i]);
      greatest = x > greatest ? x : greatest;
    }
#pragma omp simd reduction(+ : total)
    for (std::int64_t i = 0; i < width; ++i) total += exponential(load(logits[i]) - greatest);
    arrays.log_sum_exp_N[row] = greatest + std::log(total);
    arrays.nll_N[row] = arrays.log_sum_exp_N[row] - load(logits[arrays.target_N[row]]);
  }
}

template <class N>
PALIMPSEST_INSIDE void cross_entropy_backward_rows(const CrossEntropyBackward<N>& arrays, Rows rows) {
  const std::int64_t width = arrays.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const N* logits = arrays.logits_NC + row * width;
    N* out = arrays.grad_logits_NC + row * width;
    const float log_sum_exp = arrays.log_sum_exp_N[row], grad = arrays.grad_nll_N[row];
    const std::int64_t target = arrays.target_N[row];
    const float of_target = (exponential(load(logits[target]) - log_sum_exp) - 1.0f) * grad;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) store(out[i], exponential(load(logits[i]) - log_sum_exp) * grad);
    store(out[target], of_target);
  }
}

}  // namespace

#define PALIMPSEST_LOOP(NAME, ARRAYS)                                                                         \
  PALIMPSEST_EACH_CPU void NAME(const ARRAYS<float>& arrays, Rows rows) { NAME##_rows<float>(arrays, rows); } \
  PALIMPSEST_EACH_CPU void NAME(const ARRAYS<Bf16>& arrays, Rows rows) { NAME##_rows<Bf16>(arrays, rows); }

PALIMPSEST_LOOP(norm_forward, NormForward)
PALIMPSEST_LOOP(norm_backward, NormBackward)
PALIMPSEST_LOOP(swiglu_forward, SwigluArrays)
PALIMPSEST_LOOP(swiglu_backward, SwigluArrays)
PALIMPSEST_LOOP(rotate_forward, RotateForward)
PALIMPSEST_LOOP(rotate_backward, RotateBackward)
PALIMPSEST_LOOP(cross_entropy_forward, CrossEntropyForward)
PALIMPSEST_LOOP(cross_entropy_backward, CrossEntropyBackward)

#undef PALIMPSEST_LOOP

}  // namespace palimpsest::loops
