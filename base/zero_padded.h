// Numbers in names, so that names sort as their numbers count.
#pragma once

#include <cstdint>
#include <string>

namespace palimpsest {

// The digits of a number that is not negative, after as many zeros as make them `width`; longer ones stay whole.
std::string zero_padded(std::int64_t number, std::size_t width);

}  // namespace palimpsest
