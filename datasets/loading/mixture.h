// Mixture: the global order of training over any number of data sets.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/random.h"
#include "datasets/loading/shuffled_order.h"
#include "datasets/loading/token_set.h"

namespace palimpsest {

struct MixturePart {
  std::shared_ptr<TokenSet> set;
  double weight = 1.0;
};

// Rows within which a large set's order is mixed: at 320 ids of two bytes, 42 MB.
inline constexpr std::int64_t kShuffleRows = 1 << 16;

// Which row is sample `global_index` of training: a weighted mixture of sets, each shuffled anew every epoch. A pure
// function of key and index: exact resume needs one integer, and neither the number of ranks nor of workers matters.
// Threads may share it.
class Mixture {
 public:
  Mixture(std::vector<MixturePart> parts, RandomKey key, std::int64_t window_rows = kShuffleRows);
  ~Mixture();
  struct Place {
    std::size_t part;
    std::int64_t row;
    std::int64_t epoch;
    bool operator==(const Place&) const = default;
  };
  Place place(std::int64_t global_index) const;
  const MixturePart& part(std::size_t index) const { return parts_.at(index); }
  // The row's roles, none frozen; those it lacks are hidden.
  Document document(const Place& place) const;

 private:
  // Parts follow each other in a pattern that repeats: a slot's part, and how many slots of the part come before it.
  struct Slot {
    std::uint32_t part, earlier;
  };
  struct Epoch;  // the part's order that was asked for last
  std::shared_ptr<const ShuffledOrder> order(std::size_t part, std::int64_t epoch) const;

  std::vector<MixturePart> parts_;
  RandomKey key_;
  std::int64_t window_rows_;
  std::vector<std::int64_t> counts_;  // slots of each part in the pattern
  std::vector<Slot> pattern_;
  mutable std::mutex mutex_;
  mutable std::vector<Epoch> epochs_;  // by part
};

// Samples of one step in the global order: of `batch` from step * batch, those whose turn it is for rank r of n. What
// all ranks take together is the same for every n that divides the batch.
std::vector<std::int64_t> share_of_step(std::int64_t step, std::int64_t batch, std::int64_t rank, std::int64_t ranks);

}  // namespace palimpsest
