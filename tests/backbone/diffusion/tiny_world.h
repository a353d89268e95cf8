// A joint distribution of a few places that is small enough to enumerate, and its exact denoiser under any process.
#pragma once

#include "backbone/diffusion/diffusion.h"

namespace palimpsest::test {

constexpr std::int64_t kIds = 3;

// Every word of `places` digits below `base`, int64 [base^places, places].
inline at::Tensor all_words(std::int64_t base, std::int64_t places) {
  const at::Tensor index = at::arange(static_cast<std::int64_t>(std::pow(base, places)));
  std::vector<at::Tensor> columns;
  for (std::int64_t place = 0; place < places; ++place) {
    columns.push_back(index.div(static_cast<std::int64_t>(std::pow(base, place)), "floor").remainder(base));
  }
  return at::stack(columns, 1);
}

// Gives p(x_l | z at the other places, t) to a power: 1 is exact. Illegal ids get junk. Of the uniform process it gives
// log q_t(. | z elsewhere) instead when it is asked for scores.
class TinyWorld : public Denoiser {
 public:
  TinyWorld(std::int64_t num_places, const DiffusionOptions& diffusion, double power = 1)
      : places(num_places),
        schema({{"word", text_layout(num_places), false}}, Vocabulary({{"text", {kIds}}})),
        options(diffusion),
        power_(power) {
    words = all_words(kIds, places);
    const at::Tensor weights = 1.5 * normal(RandomKey::root(2), {words.size(0)});
    probability = at::softmax(weights.to(at::kDouble), 0);
  }

  NoiseLevel<double> level(double t) const {
    return noise_level(options.process, 1 - options.schedule_of("text").alpha(t));
  }

  // q(z | x) of one place; z = kIds is the mask.
  double transition(const NoiseLevel<double>& level, std::int64_t x, std::int64_t z) const {
    if (z == kIds) return level.mask;
    return level.uniform / kIds + (x == z ? level.keep : 0.0);
  }

  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    at::Tensor logits_MV = at::full({rows_M.numel(), vocabulary_size()}, 50.0, at::kFloat);
    for (std::int64_t m = 0; m < rows_M.numel(); ++m) {
      const std::int64_t row = rows_M[m].item<std::int64_t>() / places, place = rows_M[m].item<std::int64_t>() % places;
      std::vector<std::int64_t> seen;
      for (std::int64_t l = 0; l < places; ++l) {
        const auto token = noisy.canvas.tokens_BL[row][l].item<std::int64_t>();
        seen.push_back(token == kMaskId ? kIds : token - kFirstModalityId);
      }
      const at::Tensor posterior = elsewhere(level(noisy.t_BL[row][place].item<double>()), seen, place);
      logits_MV[m].slice(0, kFirstModalityId).copy_(power_ * posterior.log() + 7.0);
    }
    return logits_MV;
  }
  std::int64_t vocabulary_size() const override { return kFirstModalityId + kIds; }

  // Expected bound terms of one word at time t: over all noisy words, by their probability.
  double expected_terms(std::int64_t word, double t) {
    const NoiseLevel<double> here = level(t);
    std::vector<double> mass;
    std::vector<at::Tensor> rows;
    for (const at::Tensor& noisy_L : all_words(kIds + 1, places).unbind(0)) {
      double q = 1;
      for (std::int64_t l = 0; l < places; ++l) {
        q *= transition(here, words[word][l].item<std::int64_t>(), noisy_L[l].item<std::int64_t>());
      }
      if (q == 0) continue;
      mass.push_back(q);
      rows.push_back(noisy_L);
    }
    Document document;
    document.roles["word"].ids_L = words[word];
    const TokenCanvas clean = build_canvas(schema, std::vector<Document>(mass.size(), document));
    const at::Tensor z_BL = at::stack(rows), is_mask_BL = z_BL.eq(kIds);
    const bool absorbing = options.process.kind == ProcessKind::kAbsorbing;
    NoisyCanvas noisy{clean, at::full(z_BL.sizes(), t, at::kFloat), absorbing ? is_mask_BL : at::ones_like(is_mask_BL)};
    noisy.canvas.tokens_BL = (z_BL + kFirstModalityId).masked_fill(is_mask_BL, kMaskId);
    const at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);
    if (rows_M.numel() == 0) return 0;
    const at::Tensor nats_M = position_terms(*this, {clean, noisy, schema, rows_M}, options).nats_M.to(at::kDouble);
    const at::Tensor mass_M = at::tensor(mass, at::kDouble).index_select(0, rows_M.div(places, "floor"));
    return (nats_M * mass_M).sum().item<double>();
  }

  // Their integral over t, by midpoints that crowd at both ends.
  double bound(std::int64_t word, int times = 100) {
    double total = 0;
    for (int step = 0; step < times; ++step) {
      const double s = (step + 0.5) / times, dt = 30 * s * s * (1 - s) * (1 - s) / times;
      const double t = static_cast<float>(s * s * s * (10 - 15 * s + 6 * s * s));  // as the denoiser is told it
      total += dt * expected_terms(word, t);
    }
    return total;
  }

  double nats(std::int64_t word) const { return -std::log(probability[word].item<double>()); }

  std::int64_t places;
  CanvasSchema schema;
  DiffusionOptions options;
  at::Tensor words;        // [W, places]
  at::Tensor probability;  // float64 [W]

 private:
  at::Tensor elsewhere(const NoiseLevel<double>& level, const std::vector<std::int64_t>& seen,
                       std::int64_t place) const {
    std::vector<double> mass(kIds, 0.0);
    const std::int64_t* word = words.const_data_ptr<std::int64_t>();
    for (std::int64_t w = 0; w < words.size(0); ++w, word += places) {
      double joint = probability.const_data_ptr<double>()[w];
      for (std::int64_t l = 0; l < places; ++l) {
        if (l != place) joint *= transition(level, word[l], seen[static_cast<std::size_t>(l)]);
      }
      mass[static_cast<std::size_t>(word[place])] += joint;
    }
    at::Tensor posterior = at::tensor(mass, at::kDouble);
    posterior = posterior / posterior.sum();
    const bool scores =
        options.objective.kind == ObjectiveKind::kScoreEntropy && options.process.kind == ProcessKind::kUniform;
    return scores ? level.keep * posterior + level.uniform / kIds : posterior;
  }

  double power_;
};

}  // namespace palimpsest::test
