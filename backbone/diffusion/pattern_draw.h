// Which pattern a modality of a document gets.
#pragma once

#include <vector>

#include "backbone/diffusion/pattern.h"

namespace palimpsest {

class PatternDraw {
 public:
  // InputError for a pattern of a modality that the vocabulary lacks.
  PatternDraw(const PatternMixture& patterns, const Vocabulary& vocabulary);

  // May the modality get any other than iid?
  bool any(std::int64_t modality) const { return !choices_.at(static_cast<std::size_t>(modality)).empty(); }

  // Ranks of the places by a pattern drawn, by weight, from the modality's key. Only where any().
  std::vector<double> ranks(const PatternPlaces& places, std::int64_t modality) const;

 private:
  struct Choice {
    double up_to = 0;  // of the weights, summed
    PatternRanks ranks = nullptr;
    PatternOptions options;
  };
  std::vector<std::vector<Choice>> choices_;  // of each modality; none: iid
};

}  // namespace palimpsest
