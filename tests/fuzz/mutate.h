// Mutation of bytes by key: the same key makes the same bytes of the same corpus, so that a finding is a number.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"

namespace palimpsest {

inline constexpr std::size_t kLongestFuzzed = 1 << 18;

// A member of the corpus, changed in one to eight places: bits flipped, bytes set to what often matters, stretches cut,
// doubled, or brought in from another member.
std::string mutated(const std::vector<std::string>& corpus, RandomKey key);

}  // namespace palimpsest
