// Laws of samplers in a world small enough to enumerate, and the test that draws follow one.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/tabulated.h"

namespace palimpsest::test {

using Law = std::map<Filling, double>;

// What may become of a state in a step.
using Transition = std::function<Law(const Filling& before, std::int64_t step)>;

// The law after all steps, from all mask, by following every state.
inline Law enumerate(const CanvasSchema& schema, std::int64_t steps, const Transition& transition) {
  Law law{{Filling(static_cast<std::size_t>(schema.length()), kMaskId), 1.0}};
  for (std::int64_t step = 0; step < steps; ++step) {
    Law next;
    for (const auto& [before, probability] : law) {
      for (const auto& [after, p] : transition(before, step)) next[after] += probability * p;
    }
    law = std::move(next);
  }
  return law;
}

// Extends each state by what may happen at position l: stays as it is, or takes an id by `distribution`.
inline Law extended(const Law& partial, std::int64_t l, double stay,
                    const std::map<std::int64_t, double>& distribution) {
  Law next;
  for (const auto& [state, probability] : partial) {
    if (stay > 0) next[state] += probability * stay;
    for (const auto& [id, p] : distribution) {
      Filling written = state;
      written[static_cast<std::size_t>(l)] = id;
      next[written] += probability * (1 - stay) * p;
    }
  }
  return next;
}

// Probabilities by role of a step: of a mask staying, of a written position being masked.
struct Rates {
  double stay = 0, remask = 0;
};

// Every position by itself: masks take draws of the model's conditional, what is written may be masked.
inline Law independent_step(const TabulatedDenoiser& denoiser, const CanvasSchema& schema, const Filling& before,
                            const std::vector<Rates>& rates) {
  Law partial{{before, 1.0}};
  for (std::int64_t l = 0; l < schema.length(); ++l) {
    const Rates& rate = rates[static_cast<std::size_t>(schema.role_L()[l].item<std::int64_t>())];
    const bool masked = before[static_cast<std::size_t>(l)] == kMaskId;
    if (masked && rate.stay < 1) partial = extended(partial, l, rate.stay, denoiser.conditional(before, l));
    if (!masked && rate.remask > 0) partial = extended(partial, l, 1 - rate.remask, {{kMaskId, 1.0}});
  }
  return partial;
}

// The masks of a role in a state: where they are, what the model says of them, and what was drawn there.
struct Masks {
  std::vector<std::int64_t> positions;
  std::vector<std::map<std::int64_t, double>> conditionals;
  std::vector<std::int64_t> drawn;
  double probability(std::size_t i) const { return conditionals[i].at(drawn[i]); }
};

// A set of masks, by bits, and its probability.
using Subsets = std::map<std::uint32_t, double>;
using Choice = std::function<Subsets(const Masks& masks, std::int64_t step)>;

// Ids are drawn at every mask of a role, and a choice made among them.
inline Law chosen_step(const TabulatedDenoiser& denoiser, const CanvasSchema& schema, const Filling& before,
                       std::int64_t step, const Choice& choice) {
  Law partial{{before, 1.0}};
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    Masks masks;
    Law draws{{{}, 1.0}};
    for (std::int64_t l = schema.role_begin(role); l < schema.role_begin(role) + schema.role(role).length(); ++l) {
      if (before[static_cast<std::size_t>(l)] != kMaskId) continue;
      masks.positions.push_back(l);
      masks.conditionals.push_back(denoiser.conditional(before, l));
      Law longer;
      for (const auto& [drawn, probability] : draws) {
        for (const auto& [id, p] : masks.conditionals.back()) {
          Filling more = drawn;
          more.push_back(id);
          longer[more] += probability * p;
        }
      }
      draws = std::move(longer);
    }
    Law next;
    for (const auto& [drawn, drawn_probability] : draws) {
      masks.drawn = drawn;
      for (const auto& [subset, chosen_probability] : choice(masks, step)) {
        for (const auto& [state, probability] : partial) {
          Filling after = state;
          for (std::size_t i = 0; i < drawn.size(); ++i) {
            if (subset >> i & 1u) after[static_cast<std::size_t>(masks.positions[i])] = drawn[i];
          }
          next[after] += probability * drawn_probability * chosen_probability;
        }
      }
    }
    partial = std::move(next);
  }
  return partial;
}

// Which `count` come first when Gumbel noise of the given scale is added to the scores: drawn one after another without
// replacement, with weights exp(score/noise) (Plackett and Luce). Without noise the greatest, ties as they stand.
inline Subsets first_of(const std::vector<double>& scores, std::int64_t count, double noise) {
  Subsets subsets{{0u, 1.0}};
  for (std::int64_t taken = 0; taken < count; ++taken) {
    Subsets next;
    for (const auto& [subset, probability] : subsets) {
      double total = 0, best = -1e300;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (!(subset >> i & 1u)) best = std::max(best, scores[i]);
      }
      const auto weight = [&](std::size_t i) { return noise > 0 ? std::exp((scores[i] - best) / noise) : 0.0; };
      for (std::size_t i = 0; i < scores.size(); ++i) total += subset >> i & 1u ? 0 : weight(i);
      bool found = false;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (subset >> i & 1u) continue;
        const bool first = !found && scores[i] == best;
        const double p = noise > 0 ? weight(i) / total : (first ? 1.0 : 0.0);
        found = found || first;
        if (p > 0) next[subset | (1u << i)] += probability * p;
      }
    }
    subsets = std::move(next);
  }
  return subsets;
}

// Pearson's statistic over cells expected at least five times (the rest pooled), and its quantile at one in a million
// (Wilson and Hilferty 1931).
inline void expect_follows(const Law& law, const std::map<Filling, std::int64_t>& counts, std::int64_t draws) {
  double statistic = 0, pooled_expected = 0, pooled_seen = 0;
  int cells = 0;
  const auto add = [&](double expected, double seen) {
    statistic += (seen - expected) * (seen - expected) / expected;
    ++cells;
  };
  std::int64_t seen_in_law = 0;
  for (const auto& [filling, probability] : law) {
    const auto found = counts.find(filling);
    const auto seen = found == counts.end() ? 0.0 : static_cast<double>(found->second);
    seen_in_law += static_cast<std::int64_t>(seen);
    const double expected = probability * static_cast<double>(draws);
    if (expected >= 5) {
      add(expected, seen);
    } else {
      pooled_expected += expected;
      pooled_seen += seen;
    }
  }
  if (pooled_expected > 0) add(pooled_expected, pooled_seen);
  ASSERT_EQ(seen_in_law, draws) << "a draw that the law excludes";
  const double freedom = cells - 1, shrink = 2.0 / (9.0 * freedom);
  EXPECT_LT(statistic, freedom * std::pow(1 - shrink + 4.75 * std::sqrt(shrink), 3)) << cells << " cells";
}

// A world and its exact denoiser.
struct World {
  CanvasSchema schema;
  std::shared_ptr<TabulatedDenoiser> denoiser;
  DiffusionOptions diffusion;

  explicit World(CanvasSchema of) : schema(std::move(of)) {
    denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(3));
  }
  DiffusionModel model(std::int64_t rows) const { return {denoiser, schema, diffusion, c10::DeviceType::CPU, rows}; }
  Law joint() const {
    Law law;
    for (std::size_t i = 0; i < denoiser->fillings().size(); ++i) {
      law[denoiser->fillings()[i]] = denoiser->probabilities()[i];
    }
    return law;
  }
};

// 200,000 draws of the sampler follow the law.
inline void expect_samples(const World& world, const SamplerOptions& options, const Law& law) {
  constexpr std::int64_t kRows = 4000, kBatches = 50;
  const Sampler sampler(world.model(kRows), options);
  const TokenCanvas blank = blank_canvas(world.schema, kRows);
  std::map<Filling, std::int64_t> counts;
  for (std::int64_t batch = 0; batch < kBatches; ++batch) {
    const at::Tensor tokens_BL = sampler.run(blank, sample_keys(1, batch * kRows, kRows)).canvas.tokens_BL;
    const std::int64_t* tokens = tokens_BL.const_data_ptr<std::int64_t>();
    for (std::int64_t row = 0; row < kRows; ++row, tokens += blank.length()) {
      ++counts[Filling(tokens, tokens + blank.length())];
    }
  }
  expect_follows(law, counts, kRows * kBatches);
}

}  // namespace palimpsest::test
