// Retrieval: which of 32 candidates belongs to a query, judged from square blocks of scores.
//
// Shapes: N items of a block (queries and candidates alike), Q given items, C candidates.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipelines/scoring.h"

namespace palimpsest {

inline constexpr std::int64_t kCandidates = 32;

// Items of one block, as indices of the caller's rows; all of different concepts.
using QueryBlock = std::vector<std::int64_t>;

// Cuts `count` queries (a multiple of kCandidates) out of rows with these concepts: in each block 32 different
// concepts, rows and their order drawn by `key`. A row is used twice only when all rows of its concept have been used.
// InputError (file `name`) when there are fewer than 32 concepts.
std::vector<QueryBlock> draw_blocks(const std::vector<std::string>& concepts, std::int64_t count, RandomKey key,
                                    const std::string& name);

// Is the largest entry of each row on the diagonal? A tie is a miss.
std::vector<bool> diagonal_picked(const at::Tensor& scores_NN);

// Queries' hits over all blocks, items being pictures or speech.
struct RetrievalHits {
  // The caption picked for an item, by log p(T|I) - log p(T), where p(T) is the mean of p(T|I) over the block's items:
  // the matrix is its own prior.
  std::vector<bool> captions;
  std::vector<bool> captions_by_own_prior;  // the same where p(T) is what the model says when it sees no item
  std::vector<bool> items;                  // the item picked for a caption, by log p(T|I) over I
};
// Of a block the items' scores as queries, their captions being candidates.
using BlockScorer = std::function<ScoreMatrix(const QueryBlock&)>;
RetrievalHits retrieve(const std::vector<QueryBlock>& blocks, const BlockScorer& scorer);

}  // namespace palimpsest
