#include "base/zero_padded.h"

#include <algorithm>

namespace palimpsest {

std::string zero_padded(std::int64_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

}  // namespace palimpsest
