// A world small enough to enumerate: its joint distribution is a table, and its denoiser is the exact conditional.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "modalities/canvas/canvas.h"
#include "pipelines/sampling/diffusion_model.h"

namespace palimpsest::test {

using Filling = std::vector<std::int64_t>;  // joint ids of a row

inline CodeSpace code_space(const std::string& modality, std::int64_t size) { return {modality, {size}}; }

// Two fixed roles: a word of 2 positions over 3 ids and a picture of 2 positions over 2 ids.
inline CanvasSchema tabulated_schema() {
  Vocabulary vocabulary({code_space("text", 3), code_space("image", 2)});
  return CanvasSchema({{"word", text_layout(2), false}, {"picture", grid_layout(1, 2), false}}, vocabulary);
}

inline std::vector<std::int64_t> legal_ids(const CanvasSchema& schema, std::int64_t position) {
  const LegalClass& legal = schema.vocabulary().legal_class(schema.legal_class_L()[position].item<std::int64_t>());
  std::vector<std::int64_t> ids;
  if (legal.with_end) ids.push_back(kEndId);
  for (std::int64_t id = legal.range.begin; id < legal.range.end; ++id) ids.push_back(id);
  return ids;
}

// Every filling of a row of the schema with legal ids.
inline std::vector<Filling> all_fillings(const CanvasSchema& schema) {
  std::vector<Filling> fillings{{}};
  for (std::int64_t l = 0; l < schema.length(); ++l) {
    std::vector<Filling> longer;
    for (const Filling& filling : fillings) {
      for (const std::int64_t id : legal_ids(schema, l)) {
        longer.push_back(filling);
        longer.back().push_back(id);
      }
    }
    fillings = std::move(longer);
  }
  return fillings;
}

// One fixed role: a line of 4 positions over 3 ids.
inline CanvasSchema line_schema() {
  return CanvasSchema({{"line", text_layout(4), false}}, Vocabulary({code_space("text", 3)}));
}

// The exact conditional p(x_l | what is written and visible) of a joint distribution over fillings.
class TabulatedDenoiser : public Denoiser {
 public:
  TabulatedDenoiser(const CanvasSchema& schema, RandomKey key) : schema_(schema), fillings_(all_fillings(schema)) {
    double total = 0;
    for (std::size_t i = 0; i < fillings_.size(); ++i) {
      probabilities_.push_back(std::pow(key.uniform(i), 3));  // far from uniform, far from independent
      total += probabilities_.back();
    }
    for (double& probability : probabilities_) probability /= total;
  }

  const std::vector<Filling>& fillings() const { return fillings_; }
  const std::vector<double>& probabilities() const { return probabilities_; }

  // p(x_position = id | written) for every id.
  std::map<std::int64_t, double> conditional(const Filling& written, std::int64_t position) const {
    std::map<std::int64_t, double> mass;
    double total = 0;
    for (std::size_t i = 0; i < fillings_.size(); ++i) {
      if (!agrees(fillings_[i], written)) continue;
      mass[fillings_[i][static_cast<std::size_t>(position)]] += probabilities_[i];
      total += probabilities_[i];
    }
    for (auto& [id, probability] : mass) probability /= total;
    return mass;
  }

  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    ++calls;
    const std::int64_t length = noisy.canvas.length(), size = vocabulary_size();
    at::Tensor logits_MV = at::empty({rows_M.numel(), size}, at::kFloat);
    const at::Tensor seen_BL =
        noisy.canvas.tokens_BL.masked_fill(noisy.canvas.visible_BL.logical_not(), kMaskId).contiguous();
    for (std::int64_t m = 0; m < rows_M.numel(); ++m) {
      const std::int64_t flat = rows_M.const_data_ptr<std::int64_t>()[m];
      const std::int64_t* row = seen_BL.const_data_ptr<std::int64_t>() + flat / length * length;
      const std::vector<float>& known_V = cached(row, length, flat % length);
      std::copy(known_V.begin(), known_V.end(), logits_MV.mutable_data_ptr<float>() + m * size);
    }
    return logits_MV;
  }
  std::int64_t vocabulary_size() const override { return schema_.vocabulary().size(); }

  std::int64_t calls = 0;

 private:
  static bool agrees(const Filling& filling, const Filling& written) {
    for (std::size_t l = 0; l < filling.size(); ++l) {
      if (written[l] != kMaskId && written[l] != filling[l]) return false;
    }
    return true;
  }
  // Logits of one position; illegal ids look likely.
  const std::vector<float>& cached(const std::int64_t* row, std::int64_t length, std::int64_t position) {
    TORCH_CHECK(vocabulary_size() <= 32 && length <= 8, "TabulatedDenoiser: too large a world");
    std::int64_t code = position;
    for (std::int64_t l = 0; l < length; ++l) code = code * 32 + row[l];
    std::vector<float>& logits_V = cache_[code];
    if (!logits_V.empty()) return logits_V;
    logits_V.assign(static_cast<std::size_t>(vocabulary_size()), 3.0f);
    for (const std::int64_t id : legal_ids(schema_, position)) logits_V[static_cast<std::size_t>(id)] = -100.0f;
    for (const auto& [id, p] : conditional(Filling(row, row + length), position)) {
      logits_V[static_cast<std::size_t>(id)] = static_cast<float>(std::log(p) + 1.5);
    }
    return logits_V;
  }

  CanvasSchema schema_;
  std::vector<Filling> fillings_;
  std::vector<double> probabilities_;
  std::unordered_map<std::int64_t, std::vector<float>> cache_;
};

// Rows of a canvas that are all to be written.
inline TokenCanvas blank_canvas(const CanvasSchema& schema, std::int64_t rows) {
  return build_canvas(schema, std::vector<Document>(static_cast<std::size_t>(rows)));
}

inline Filling row_of(const at::Tensor& tokens_BL, std::int64_t row) {
  const at::Tensor tokens_L = tokens_BL[row].contiguous();
  const std::int64_t* ids = tokens_L.const_data_ptr<std::int64_t>();
  return Filling(ids, ids + tokens_L.numel());
}

}  // namespace palimpsest::test
