// A model of any schema without weights, for tests of what holds whatever the model says.
#pragma once

#include "backbone/quality.h"
#include "pipelines/sampling/options.h"
#include "tests/pipelines/tabulated.h"

namespace palimpsest::test {

// Logits that are a pure function of what the row shows and of the position: every schema has one.
class HashDenoiser : public Denoiser, public QualityHead {
 public:
  explicit HashDenoiser(std::int64_t vocabulary_size) : vocabulary_size_(vocabulary_size) {}
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    at::Tensor logits_MV = at::zeros({rows_M.numel(), vocabulary_size_}, at::kFloat);
    const at::Tensor tokens_BL = noisy.canvas.tokens_BL.contiguous();
    const std::int64_t* tokens = tokens_BL.const_data_ptr<std::int64_t>();
    const std::int64_t* rows = rows_M.const_data_ptr<std::int64_t>();
    float* logits = logits_MV.mutable_data_ptr<float>();
    const std::int64_t length = noisy.canvas.length();
    for (std::int64_t m = 0; m < rows_M.numel() && (m == 0 || rows[m] != rows[0]); ++m) {  // then padding
      RandomKey key = RandomKey::root(9).fold(static_cast<std::uint64_t>(rows[m] % length));
      for (std::int64_t l = 0; l < length; ++l) {
        key = key.fold(static_cast<std::uint64_t>(tokens[rows[m] / length * length + l]));
      }
      for (std::int64_t v = 0; v < vocabulary_size_; ++v) {
        logits[m * vocabulary_size_ + v] = static_cast<float>(8 * key.uniform(static_cast<std::uint64_t>(v)));
      }
    }
    return logits_MV;
  }
  at::Tensor quality_M(const NoisyCanvas&, const at::Tensor& rows_M) override {
    return rows_M.remainder(3).to(at::kFloat) / 3;
  }
  std::int64_t vocabulary_size() const override { return vocabulary_size_; }

 private:
  std::int64_t vocabulary_size_;
};

inline SamplerOptions steps_of(std::int64_t steps, UnmaskKind kind = UnmaskKind::kConfidence) {
  SamplerOptions options;
  options.steps = steps;
  options.unmask = kind;
  return options;
}

}  // namespace palimpsest::test
