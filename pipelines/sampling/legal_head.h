// LegalHead: the denoiser's head at positions grouped by legality class. A class's product covers its own ids; it is
// made a few rows at a time, restricted, and normalised straight into the place where policies read it.
//
// Shapes: N positions of a step, P the same class after class and padded, M some rows of one class, R its ids, D width.
#pragma once

#include <functional>

#include "pipelines/sampling/guidance.h"
#include "pipelines/sampling/legal_rows.h"

namespace palimpsest {

// Puts -inf, in place, at what may not stand at the flat positions; columns are the ids of the class.
using Restriction = std::function<void(const at::Tensor& position_M, const LegalClass& legal, at::Tensor& logits_MR)>;

class LegalHead {
 public:
  // Flat positions of the canvas; the vocabulary outlives this and what it makes.
  LegalHead(const TokenCanvas& canvas, const at::Tensor& position_N, const Vocabulary& vocabulary);

  // Where the network's features are wanted: int64, CPU.
  const at::Tensor& rows_P() const { return rows_P_; }

  // Log-probabilities at position_N, in their order, of guided logits after the restriction. They lie in `space`, which
  // is made as large as is needed and used again by the next call, for a gigabyte of fresh memory takes longer to be
  // cleared than to be filled. Beside it there are at most a few times kLogitsAtOnce numbers.
  LegalRows log_probs(Denoiser& denoiser, const GuidedFeatures& features, const Restriction& restriction,
                      at::Tensor& space) const;

  // Logits that are made at once, but for rows that are longer.
  static constexpr std::int64_t kLogitsAtOnce = 16 << 20;

 private:
  struct Group {
    const LegalClass* legal;
    std::int64_t begin, count;  // rows of P
  };
  at::Tensor rows_P_;
  std::vector<std::int64_t> index_N_;  // which of position_N each row of P is
  std::vector<Group> groups_;
};

}  // namespace palimpsest
