#include "experiments/evaluation/retrieval.h"

#include <map>

#include "base/errors.h"

namespace palimpsest {

namespace {

// The rows of one concept, in drawn order, taken round and round.
struct Hand {
  std::vector<std::int64_t> rows;
  std::size_t taken = 0;

  std::int64_t take() { return rows[taken++ % rows.size()]; }
};

std::vector<Hand> deal_hands(const std::vector<std::string>& concepts, RandomKey key) {
  std::map<std::string, Hand> by_concept;
  for (std::size_t index = 0; index < concepts.size(); ++index) {
    const std::uint64_t drawn = permuted_index(key.fold("rows"), index, concepts.size());
    by_concept[concepts[drawn]].rows.push_back(static_cast<std::int64_t>(drawn));
  }
  std::vector<Hand> hands;
  for (auto& [name, hand] : by_concept) hands.push_back(std::move(hand));
  return hands;
}

}  // namespace

std::vector<QueryBlock> draw_blocks(const std::vector<std::string>& concepts, std::int64_t count, RandomKey key,
                                    const std::string& name) {
  TORCH_CHECK(count > 0 && count % kCandidates == 0, "draw_blocks: queries must be a multiple of ", kCandidates,
              ", got ", count);
  std::vector<Hand> hands = deal_hands(concepts, key);
  if (static_cast<std::int64_t>(hands.size()) < kCandidates) {
    throw InputError(name, "", "retrieval needs at least 32 different concepts, has " + std::to_string(hands.size()));
  }
  // Concepts are dealt in rounds; a round's remainder that does not fill a block is left out, so no block holds one
  // twice.
  const std::uint64_t whole = hands.size() - hands.size() % kCandidates;
  std::vector<QueryBlock> blocks;
  for (std::uint64_t dealt = 0; static_cast<std::int64_t>(dealt) < count; ++dealt) {
    if (dealt % kCandidates == 0) blocks.emplace_back();
    const std::uint64_t round = dealt / whole, place = dealt % whole;
    blocks.back().push_back(hands[permuted_index(key.fold("concepts").fold(round), place, hands.size())].take());
  }
  return blocks;
}

std::vector<bool> diagonal_picked(const at::Tensor& scores_NN) {
  TORCH_CHECK(scores_NN.dim() == 2 && scores_NN.size(0) == scores_NN.size(1), "retrieval: scores must be square, got ",
              scores_NN.sizes());
  TORCH_CHECK(scores_NN.isfinite().all().item<bool>(), "retrieval: scores must be finite");
  const at::Tensor own_N1 = scores_NN.diagonal().unsqueeze(1);
  const at::Tensor beaten_N = (scores_NN >= own_N1).sum(1) == 1;  // only itself reaches its own score
  const at::Tensor hits_N = beaten_N.to(at::kCPU).contiguous();
  const bool* first = hits_N.data_ptr<bool>();
  return std::vector<bool>(first, first + hits_N.numel());
}

RetrievalHits retrieve(const std::vector<QueryBlock>& blocks, const BlockScorer& scorer) {
  RetrievalHits hits;
  const auto append = [](std::vector<bool>& all, const std::vector<bool>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (const QueryBlock& block : blocks) {
    const ScoreMatrix scores = scorer(block);
    append(hits.captions, diagonal_picked(scores.pointwise_information_QC()));
    append(hits.captions_by_own_prior, diagonal_picked(scores.pointwise_information_QC(/*hidden_prior=*/true)));
    append(hits.items, diagonal_picked(scores.log_prob_QC.t()));
  }
  return hits;
}

}  // namespace palimpsest
