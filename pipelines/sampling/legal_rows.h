// Rows of log-probabilities over the ids that are legal at a position, and over no other.
//
// Shapes: N positions, R ids legal at a position.
#pragma once

#include <span>
#include <vector>

#include "modalities/canvas/vocabulary.h"

namespace palimpsest {

// The ids of a class in ascending order, `end` first where it is legal: how many there are, which one is at a place,
// and the place of one, -1 where it is not legal.
std::int64_t num_ids(const LegalClass& legal);
std::int64_t id_at(const LegalClass& legal, std::int64_t place);
std::int64_t place_of(const LegalClass& legal, std::int64_t id);

// Rows of different lengths that share memory; a copy shares it too. The classes outlive it.
class LegalRows {
 public:
  struct Place {
    std::int64_t begin = 0;  // of the row, in numbers
    const LegalClass* legal = nullptr;
  };

  LegalRows() = default;
  // `numbers` is float32, contiguous, on the CPU.
  LegalRows(at::Tensor numbers, std::vector<Place> place_N)
      : numbers_(std::move(numbers)), place_N_(std::move(place_N)) {}

  std::int64_t size() const { return static_cast<std::int64_t>(place_N_.size()); }
  const LegalClass& legal(std::int64_t n) const { return *at(n).legal; }
  std::span<const float> row(std::int64_t n) const;
  std::span<float> row(std::int64_t n);

  // Rows [begin, begin + count).
  LegalRows part(std::int64_t begin, std::int64_t count) const;

 private:
  const Place& at(std::int64_t n) const { return place_N_.at(static_cast<std::size_t>(n)); }

  at::Tensor numbers_;
  std::vector<Place> place_N_;
};

}  // namespace palimpsest
