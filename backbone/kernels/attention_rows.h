// Rows of heads on their way into the products and back: rotated, copied, interleaved, transposed. For the sources of
// loops alone.
//
// "Rows" hold pairs along a row, "pairs" hold two rows interleaved, "turned" holds rows transposed word by word.
//
// Shapes: N positions, E head width.
#pragma once

#include "backbone/kernels/attention_loops.h"
#include "backbone/kernels/attention_vectors.h"

namespace palimpsest::loops {

namespace {

PALIMPSEST_INSIDE void clear(Bf16* from, Bf16* to) {
  __builtin_memset(from, 0, static_cast<std::size_t>(to - from) * sizeof(Bf16));
}

// Some heads of some positions.
struct HeadRows {
  const std::int64_t* positions;
  std::int64_t count, padded, row;  // rows there are, rows to fill with zeros, elements of a row
};

// The zeros beyond what is there.
PALIMPSEST_INSIDE void pad_rows(const HeadRows& rows, std::int64_t width, Bf16* out) {
  if (rows.row > width) {
    for (std::int64_t i = 0; i < rows.count; ++i) clear(out + i * rows.row + width, out + (i + 1) * rows.row);
  }
  clear(out + rows.count * rows.row, out + rows.padded * rows.row);
}

PALIMPSEST_INSIDE void copy_rows(const HeadRows& rows, const Bf16* in, std::int64_t stride, std::int64_t width,
                                 Bf16* out) {
  for (std::int64_t i = 0; i < rows.count; ++i) {
    __builtin_memcpy(out + i * rows.row, in + rows.positions[i] * stride,
                     static_cast<std::size_t>(width) * sizeof(Bf16));
  }
  pad_rows(rows, width, out);
}

// What the rotation of one row reads: element i turns with element i + pairs. Pairs are whole vectors.
struct RotatedRow {
  const Bf16* x;
  const float *cos, *sin, *norm;  // norm null: none
  std::int64_t pairs;
  float epsilon;
};

PALIMPSEST_INSIDE Floats wide(const Bf16* place) {
  return (Floats)(__builtin_convertvector(load_halves(place), Words) << 16);
}

template <class Unit>
PALIMPSEST_INSIDE float inverse_rms(const RotatedRow& row) {
  Floats squares{};
  for (std::int64_t i = 0; i < 2 * row.pairs; i += kLanes) squares += wide(row.x + i) * wide(row.x + i);
  return 1.0f / std::sqrt(Unit::total(squares) / static_cast<float>(2 * row.pairs) + row.epsilon);
}

template <class Unit>
PALIMPSEST_INSIDE void rotate_row(const RotatedRow& row, Bf16* out) {
  const float scale = row.norm ? inverse_rms<Unit>(row) : 1.0f;
  for (std::int64_t i = 0; i < row.pairs; i += kLanes) {
    Floats a = wide(row.x + i), b = wide(row.x + row.pairs + i);
    if (row.norm) {
      a *= scale * load_floats(row.norm + i);
      b *= scale * load_floats(row.norm + row.pairs + i);
    }
    const Floats cos = load_floats(row.cos + i), sin = load_floats(row.sin + i);
    store_halves(out + i, Unit::rounded(a * cos - b * sin));
    store_halves(out + row.pairs + i, Unit::rounded(a * sin + b * cos));
  }
}

// The gradient of a rotated row on its way back to the projection; to grad_norm is added.
template <class Unit>
PALIMPSEST_INSIDE void rotate_row_back(const RotatedRow& row, const float* grad, Bf16* out, float* grad_norm) {
  const std::int64_t pairs = row.pairs;
  const auto turned = [&](std::int64_t i) {  // the rotation's transpose, at element i of both halves
    const std::int64_t pair = i < pairs ? i : i - pairs;
    const Floats cos = load_floats(row.cos + pair), sin = load_floats(row.sin + pair);
    const Floats a = load_floats(grad + pair), b = load_floats(grad + pairs + pair);
    return i < pairs ? a * cos + b * sin : b * cos - a * sin;
  };
  if (!row.norm) {
    for (std::int64_t i = 0; i < 2 * pairs; i += kLanes) store_halves(out + i, Unit::rounded(turned(i)));
    return;
  }
  Floats dots{};
  for (std::int64_t i = 0; i < 2 * pairs; i += kLanes) dots += turned(i) * load_floats(row.norm + i) * wide(row.x + i);
  const float scale = inverse_rms<Unit>(row);
  const float along = Unit::total(dots) * scale * scale * scale / static_cast<float>(2 * pairs);
  for (std::int64_t i = 0; i < 2 * pairs; i += kLanes) {
    const Floats x = wide(row.x + i), g = turned(i);
    store_floats(grad_norm + i, load_floats(grad_norm + i) + g * x * scale);
    store_halves(out + i, Unit::rounded(g * load_floats(row.norm + i) * scale - x * along));
  }
}

PALIMPSEST_INSIDE bool pairs_are_vectors(const AttentionArrays& arrays) { return arrays.width % (2 * kLanes) == 0; }

PALIMPSEST_INSIDE RotatedRow rotated_row(const AttentionArrays& arrays, std::int64_t position, std::int64_t head,
                                         const float* norm_E) {
  const std::int64_t pairs = arrays.width / 2;
  return {arrays.projected_NP + position * arrays.stride() + head * arrays.width,
          arrays.cos_NR + position * pairs,
          arrays.sin_NR + position * pairs,
          norm_E,
          pairs,
          arrays.epsilon};
}

template <class Unit>
PALIMPSEST_INSIDE void rotated_rows(const HeadRows& rows, const AttentionArrays& arrays, std::int64_t head,
                                    const float* norm_E, Bf16* out) {
  const std::int64_t E = arrays.width;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const RotatedRow row = rotated_row(arrays, rows.positions[i], head, norm_E);
    if (pairs_are_vectors(arrays)) {
      rotate_row<Unit>(row, out + i * rows.row);
    } else {
      rotate_forward(RotateForward<Bf16>{row.x, row.cos, row.sin, norm_E, out + i * rows.row, E, E, 1, E, row.epsilon},
                     {0, 1});
    }
  }
  pad_rows(rows, E, out);
}

// Of all rows, to their places in grad_projected.
template <class Unit>
PALIMPSEST_INSIDE void rotated_back(const HeadRows& rows, const AttentionArrays& arrays, std::int64_t head,
                                    const float* norm_E, const float* grad, Bf16* grad_projected, float* grad_norm_E) {
  const std::int64_t E = arrays.width, grad_row = round_up(E, kLanes);
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const RotatedRow row = rotated_row(arrays, rows.positions[i], head, norm_E);
    Bf16* out = grad_projected + (row.x - arrays.projected_NP);
    if (pairs_are_vectors(arrays)) {
      rotate_row_back<Unit>(row, grad + i * grad_row, out, grad_norm_E);
    } else {
      rotate_backward(RotateBackward<Bf16>{row.x, row.cos, row.sin, norm_E, grad + i * grad_row, out, grad_norm_E, E, E,
                                           1, E, row.epsilon},
                      {0, 1});
    }
  }
}

// Rows 2i and 2i+1 interleaved: [padded/2, lanes].
PALIMPSEST_INSIDE void pair_rows(const Bf16* in, const HeadRows& rows, std::int64_t lanes, std::uint32_t* out) {
  for (std::int64_t i = 0; i < rows.padded; i += 2) {
    for (std::int64_t e = 0; e < lanes; e += kLanes) {
      const Words pair = paired(load_halves(in + i * rows.row + e), load_halves(in + (i + 1) * rows.row + e));
      store_words(out + i / 2 * lanes + e, pair);
    }
  }
}

// Word w of row i goes to [w, i].
template <class Unit>
PALIMPSEST_INSIDE void turn_rows(const Bf16* in, const HeadRows& rows, std::uint32_t* out) {
  const std::int64_t row = rows.row / 2;
  for (std::int64_t i = 0; i < rows.padded; i += kLanes) {
    for (std::int64_t w = 0; w < row; w += kLanes) {
      Unit::turn(words(in) + i * row + w, row, out + w * rows.padded + i, rows.padded);
    }
  }
}

}  // namespace

}  // namespace palimpsest::loops
