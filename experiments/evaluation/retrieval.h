// Retrieval: which of 32 candidates belongs to a query, judged from square blocks of scores.
//
// Shapes: N items of a block (queries and candidates alike), Q given items, C candidates.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"

namespace palimpsest {

inline constexpr std::int64_t kCandidates = 32;

// Items of one block, as indices of the caller's rows; all of different concepts.
using QueryBlock = std::vector<std::int64_t>;

// Cuts `count` queries (a multiple of kCandidates) out of rows with these concepts: in each block 32 different
// concepts, rows and their order drawn by `key`. A row is used twice only when all rows of its concept have been used.
// InputError (file `name`) when there are fewer than 32 concepts.
std::vector<QueryBlock> draw_blocks(const std::vector<std::string>& concepts, std::int64_t count, RandomKey key,
                                    const std::string& name);

// scores_NN[i][j] = log p(caption j | item i) of one block. Which caption item i picks: the ranking is by
// log p(T|I) - log p(T), where log p(T_j) is the mean over the block's other items (neither i nor j, so that the
// answer's place cannot leak into it).
std::vector<bool> captions_picked(const at::Tensor& scores_NN);

// Which item caption j picks: by log p(T_j | I_i) over i, as it is.
std::vector<bool> items_picked(const at::Tensor& scores_NN);

// Is the largest entry of each row on the diagonal? A tie is a miss.
std::vector<bool> diagonal_picked(const at::Tensor& scores_NN);

// Queries' hits over all blocks, given a way to score one block.
struct RetrievalHits {
  std::vector<bool> captions;  // the caption picked for an item
  std::vector<bool> items;     // the item picked for a caption
};
using BlockScorer = std::function<at::Tensor(const QueryBlock&)>;  // -> scores_NN
RetrievalHits retrieve(const std::vector<QueryBlock>& blocks, const BlockScorer& scorer);

}  // namespace palimpsest
