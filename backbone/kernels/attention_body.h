// The bodies of the attention loops, over a Unit (attention_vectors.h). For the sources of loops alone.
//
// Shapes: I queries of a block, J keys (padded to 32), E head width, W words of a padded row.
#pragma once

#include "backbone/kernels/attention_rows.h"

namespace palimpsest::loops {

namespace {

inline constexpr std::int64_t kQueriesABlock = 64;

// Sizes of one call.
struct AttentionSizes {
  std::int64_t keys, width;
  constexpr std::int64_t padded_keys() const { return round_up(keys, 32); }    // J
  constexpr std::int64_t padded_width() const { return round_up(width, 32); }  // of rows, 2 W
  constexpr std::int64_t lanes() const { return round_up(width, kLanes); }     // of sums over positions
  constexpr std::int64_t depth() const { return width / 2; }
};

// What a call works in, cut from one piece of memory. Sizes are in elements.
struct AttentionScratch {
  constexpr AttentionScratch(std::byte* memory, AttentionSizes sizes) : next_(memory) {
    const std::int64_t J = sizes.padded_keys(), row = sizes.padded_width(), E = sizes.lanes(), I = kQueriesABlock;
    key_rows = take<Bf16>(J * row);
    value_rows = take<Bf16>(J * row);
    keys_turned = take<std::uint32_t>(J * row / 2);
    values_turned = take<std::uint32_t>(J * row / 2);
    key_pairs = take<std::uint32_t>(J / 2 * E);
    value_pairs = take<std::uint32_t>(J / 2 * E);
    query_rows = take<Bf16>(I * row);
    grad_rows = take<Bf16>(I * row);
    query_pairs = take<std::uint32_t>(I / 2 * E);
    grad_pairs = take<std::uint32_t>(I / 2 * E);
    scores = take<float>(I * J);
    factor_rows = take<Bf16>(I * J);
    odds_pairs = take<std::uint32_t>(I / 2 * J);
    score_grad_pairs = take<std::uint32_t>(I / 2 * J);
    sums = take<float>(I * E);
    grad_keys = take<float>(J * E);
    grad_values = take<float>(J * E);
    by_query = take<float>(2 * I);
  }
  std::int64_t bytes = 0;
  Bf16 *key_rows, *value_rows, *query_rows, *grad_rows;
  Bf16* factor_rows;  // forward: the odds; backward: gradients of the scores
  std::uint32_t *keys_turned, *values_turned, *key_pairs, *value_pairs, *query_pairs, *grad_pairs, *odds_pairs,
      *score_grad_pairs;
  float *scores, *sums, *grad_keys, *grad_values, *by_query;

 private:
  template <class T>
  constexpr T* take(std::int64_t count) {
    std::byte* mine = next_;
    const std::int64_t size = round_up(count * static_cast<std::int64_t>(sizeof(T)), 64);
    if (next_) next_ += size;
    bytes += size;
    return reinterpret_cast<T*>(mine);
  }
  std::byte* next_;
};

template <class Unit>
PALIMPSEST_INSIDE void softmax_row(float* scores, std::int64_t keys, std::int64_t padded, float sharpness, Bf16* odds,
                                   float& log_sum, float& total) {
  for (std::int64_t j = keys; j < padded; ++j) scores[j] = -1e30f;
  Floats greatest = load_floats(scores);
  for (std::int64_t j = kLanes; j < padded; j += kLanes) {
    const Floats x = load_floats(scores + j);
    greatest = x > greatest ? x : greatest;
  }
  const float shift = Unit::greatest(greatest) * sharpness;
  Floats sum{};
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const Floats weight = Unit::power_of_two(load_floats(scores + j) * sharpness - shift);
    sum += weight;
    store_halves(odds + j, Unit::rounded(weight));
  }
  total = Unit::total(sum);
  log_sum = shift + std::log2(total);
}

// What both passes know of a group and a head of its keys.
struct AttentionCall {
  const AttentionArrays& arrays;
  const AttentionGroup& group;
  std::int64_t key_head;
  AttentionSizes sizes;
  AttentionScratch scratch;

  PALIMPSEST_INSIDE AttentionCall(const AttentionArrays& all, const AttentionGroup& positions, std::int64_t head,
                                  std::byte* memory)
      : arrays(all),
        group(positions),
        key_head(head),
        sizes{positions.num_keys, all.width},
        scratch(memory, AttentionSizes{positions.num_keys, all.width}) {}

  PALIMPSEST_INSIDE HeadRows key_rows() const {
    return {group.keys, group.num_keys, sizes.padded_keys(), sizes.padded_width()};
  }
  PALIMPSEST_INSIDE HeadRows query_rows(std::int64_t begin) const {
    const std::int64_t left = group.num_queries - begin, count = left < kQueriesABlock ? left : kQueriesABlock;
    return {group.queries + begin, count, round_up(count, kTileRows), sizes.padded_width()};
  }
  PALIMPSEST_INSIDE float scale() const { return 1.0f / std::sqrt(static_cast<float>(arrays.width)); }
  PALIMPSEST_INSIDE float sharpness() const { return 1.44269504f * scale(); }
  PALIMPSEST_INSIDE std::int64_t value_head() const { return arrays.heads + arrays.key_value_heads + key_head; }
  PALIMPSEST_INSIDE std::int64_t heads_a_key() const { return arrays.heads / arrays.key_value_heads; }

  template <class Unit>
  PALIMPSEST_INSIDE void read_keys_and_values() const {
    rotated_rows<Unit>(key_rows(), arrays, arrays.heads + key_head, arrays.key_norm_E, scratch.key_rows);
    copy_rows(key_rows(), arrays.projected_NP + value_head() * arrays.width, arrays.stride(), arrays.width,
              scratch.value_rows);
  }
};

// Queries of a group that has no keys get zeros.
PALIMPSEST_INSIDE void mix_nothing(const AttentionCall& call, std::int64_t head) {
  const AttentionArrays& arrays = call.arrays;
  for (std::int64_t i = 0; i < call.group.num_queries; ++i) {
    const std::int64_t place = call.group.queries[i] * arrays.heads + head;
    clear(arrays.mixed_NHE + place * arrays.width, arrays.mixed_NHE + (place + 1) * arrays.width);
    arrays.log_sum_exp_NH[place] = 0;
  }
}

template <class Unit>
PALIMPSEST_INSIDE void mix_block(const AttentionCall& call, std::int64_t head, std::int64_t begin) {
  const AttentionArrays& arrays = call.arrays;
  const AttentionScratch& in = call.scratch;
  const HeadRows rows = call.query_rows(begin);
  const std::int64_t J = call.sizes.padded_keys(), E = call.sizes.lanes(), W = rows.row / 2;
  rotated_rows<Unit>(rows, arrays, head, arrays.query_norm_E, in.query_rows);
  product<Unit>(
      {words(in.query_rows), W, 1, in.keys_turned, J, in.scores, J, rows.padded, J, call.sizes.depth(), false});
  float* total = in.by_query;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    float log_sum = 0;
    softmax_row<Unit>(in.scores + i * J, call.sizes.keys, J, call.sharpness(), in.factor_rows + i * J, log_sum,
                      total[i]);
    arrays.log_sum_exp_NH[rows.positions[i] * arrays.heads + head] = log_sum;
  }
  clear(in.factor_rows + rows.count * J, in.factor_rows + rows.padded * J);
  product<Unit>({words(in.factor_rows), J / 2, 1, in.value_pairs, E, in.sums, E, rows.padded, E, J / 2, false});
  for (std::int64_t i = 0; i < rows.count; ++i) {
    Bf16* __restrict out = arrays.mixed_NHE + (rows.positions[i] * arrays.heads + head) * arrays.width;
    const float* __restrict sum = in.sums + i * E;
    const float share = 1.0f / total[i];
#pragma omp simd
    for (std::int64_t e = 0; e < arrays.width; ++e) store(out[e], sum[e] * share);
  }
}

template <class Unit>
PALIMPSEST_INSIDE void attention_forward_body(const AttentionArrays& arrays, const AttentionGroup& group,
                                              std::int64_t key_head, std::byte* memory) {
  const AttentionCall call(arrays, group, key_head, memory);
  const std::int64_t first = key_head * call.heads_a_key(), last = first + call.heads_a_key();
  if (group.num_keys == 0) {
    for (std::int64_t head = first; head < last; ++head) mix_nothing(call, head);
    return;
  }
  call.read_keys_and_values<Unit>();
  turn_rows<Unit>(call.scratch.key_rows, call.key_rows(), call.scratch.keys_turned);
  pair_rows(call.scratch.value_rows, call.key_rows(), call.sizes.lanes(), call.scratch.value_pairs);
  for (std::int64_t head = first; head < last; ++head) {
    for (std::int64_t begin = 0; begin < group.num_queries; begin += kQueriesABlock) mix_block<Unit>(call, head, begin);
  }
}

// Of 4 queries and 32 keys: scores and the gradient of the odds side by side, then odds = exp(score - log-sum-exp) and
// score gradient = odds (odds gradient - delta) / sqrt(E), written as the three products that follow read them.
template <class Unit>
PALIMPSEST_INSIDE void score_gradient_tile(const AttentionCall& call, std::int64_t i, std::int64_t j) {
  const AttentionScratch& in = call.scratch;
  const std::int64_t J = call.sizes.padded_keys(), W = call.sizes.padded_width() / 2, depth = call.sizes.depth();
  const std::uint32_t *queries = words(in.query_rows) + i * W, *grads = words(in.grad_rows) + i * W;
  Floats score[kTileRows][2] = {}, grad[kTileRows][2] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    const Words key[2] = {load_words(in.keys_turned + k * J + j), load_words(in.keys_turned + k * J + j + kLanes)};
    const Words value[2] = {load_words(in.values_turned + k * J + j),
                            load_words(in.values_turned + k * J + j + kLanes)};
#pragma GCC unroll 4
    for (int r = 0; r < kTileRows; ++r) {
      const Words query = Unit::spread(queries[r * W + k]), outer = Unit::spread(grads[r * W + k]);
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        score[r][v] = Unit::dot(score[r][v], query, key[v]);
        grad[r][v] = Unit::dot(grad[r][v], outer, value[v]);
      }
    }
  }
  const float sharpness = call.sharpness(), scale = call.scale();
  const float *log_sum = in.by_query + i, *delta = in.by_query + kQueriesABlock + i;
  Halves odds[kTileRows][2], score_grad[kTileRows][2];
#pragma GCC unroll 4
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const Floats power = score[r][v] * sharpness - log_sum[r];
      const Floats weight =
          Unit::power_of_two(power > 0.0f ? Floats{} : power);  // an odd is at most 1; padding as well
      odds[r][v] = Unit::rounded(weight);
      score_grad[r][v] = Unit::rounded(weight * (grad[r][v] - delta[r]) * scale);
      store_halves(in.factor_rows + (i + r) * J + j + v * kLanes, score_grad[r][v]);
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < kTileRows; r += 2) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const std::int64_t place = (i + r) / 2 * J + j + v * kLanes;
      store_words(in.odds_pairs + place, paired(odds[r][v], odds[r + 1][v]));
      store_words(in.score_grad_pairs + place, paired(score_grad[r][v], score_grad[r + 1][v]));
    }
  }
}

// By query: the log-sum-exp, and delta = sum over E of mixed * its gradient.
template <class Unit>
PALIMPSEST_INSIDE void read_block(const AttentionCall& call, const Bf16* grad_mixed_NHE, std::int64_t head,
                                  const HeadRows& rows) {
  const AttentionArrays& arrays = call.arrays;
  const AttentionScratch& in = call.scratch;
  rotated_rows<Unit>(rows, arrays, head, arrays.query_norm_E, in.query_rows);
  copy_rows(rows, grad_mixed_NHE + head * arrays.width, arrays.heads * arrays.width, arrays.width, in.grad_rows);
  pair_rows(in.query_rows, rows, call.sizes.lanes(), in.query_pairs);
  pair_rows(in.grad_rows, rows, call.sizes.lanes(), in.grad_pairs);
  for (std::int64_t i = 0; i < rows.padded; ++i) {
    in.by_query[i] = 1e30f;  // padding: no odds
    float delta = 0;
    if (i < rows.count) {
      const std::int64_t place = rows.positions[i] * arrays.heads + head;
      in.by_query[i] = arrays.log_sum_exp_NH[place];
      const Bf16* __restrict mixed = arrays.mixed_NHE + place * arrays.width;
      const Bf16* __restrict grad = in.grad_rows + i * rows.row;
#pragma omp simd reduction(+ : delta)
      for (std::int64_t e = 0; e < arrays.width; ++e) delta += load(mixed[e]) * load(grad[e]);
    }
    in.by_query[kQueriesABlock + i] = delta;
  }
}

template <class Unit>
PALIMPSEST_INSIDE void gradient_block(const AttentionCall& call, const AttentionGradients& gradients, std::int64_t head,
                                      std::int64_t begin) {
  const AttentionScratch& in = call.scratch;
  const HeadRows rows = call.query_rows(begin);
  const std::int64_t J = call.sizes.padded_keys(), E = call.sizes.lanes();
  read_block<Unit>(call, gradients.grad_mixed_NHE, head, rows);
  for (std::int64_t j = 0; j < J; j += 2 * kLanes) {
    for (std::int64_t i = 0; i < rows.padded; i += kTileRows) score_gradient_tile<Unit>(call, i, j);
  }
  product<Unit>({in.odds_pairs, 1, J, in.grad_pairs, E, in.grad_values, E, J, E, rows.padded / 2, true});
  product<Unit>({in.score_grad_pairs, 1, J, in.query_pairs, E, in.grad_keys, E, J, E, rows.padded / 2, true});
  product<Unit>({words(in.factor_rows), J / 2, 1, in.key_pairs, E, in.sums, E, rows.padded, E, J / 2, false});
  rotated_back<Unit>(rows, call.arrays, head, call.arrays.query_norm_E, in.sums, gradients.grad_projected_NP,
                     gradients.grad_query_norm_E);
}

template <class Unit>
PALIMPSEST_INSIDE void write_key_and_value_gradients(const AttentionCall& call, const AttentionGradients& gradients) {
  const AttentionArrays& arrays = call.arrays;
  const std::int64_t E = call.sizes.lanes();
  rotated_back<Unit>(call.key_rows(), arrays, arrays.heads + call.key_head, arrays.key_norm_E, call.scratch.grad_keys,
                     gradients.grad_projected_NP, gradients.grad_key_norm_E);
  for (std::int64_t j = 0; j < call.group.num_keys; ++j) {
    const float* __restrict grad = call.scratch.grad_values + j * E;
    Bf16* __restrict out =
        gradients.grad_projected_NP + call.group.keys[j] * arrays.stride() + call.value_head() * arrays.width;
#pragma omp simd
    for (std::int64_t e = 0; e < arrays.width; ++e) store(out[e], grad[e]);
  }
}

template <class Unit>
PALIMPSEST_INSIDE void attention_backward_body(const AttentionArrays& arrays, const AttentionGradients& gradients,
                                               const AttentionGroup& group, std::int64_t key_head, std::byte* memory) {
  if (group.num_keys == 0) return;
  const AttentionCall call(arrays, group, key_head, memory);
  const AttentionScratch& in = call.scratch;
  call.read_keys_and_values<Unit>();
  turn_rows<Unit>(in.key_rows, call.key_rows(), in.keys_turned);
  turn_rows<Unit>(in.value_rows, call.key_rows(), in.values_turned);
  pair_rows(in.key_rows, call.key_rows(), call.sizes.lanes(), in.key_pairs);
  const std::int64_t sums = call.sizes.padded_keys() * call.sizes.lanes();
  for (std::int64_t i = 0; i < sums; ++i) in.grad_keys[i] = in.grad_values[i] = 0;
  const std::int64_t first = key_head * call.heads_a_key(), last = first + call.heads_a_key();
  for (std::int64_t head = first; head < last; ++head) {
    for (std::int64_t begin = 0; begin < group.num_queries; begin += kQueriesABlock) {
      gradient_block<Unit>(call, gradients, head, begin);
    }
  }
  write_key_and_value_gradients<Unit>(call, gradients);
}

}  // namespace

}  // namespace palimpsest::loops
