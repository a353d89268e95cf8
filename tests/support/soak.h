// How much longer than usual randomised tests run: 1, or what './run soak' asks for.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace palimpsest {

inline std::uint64_t soak_factor() {
  const char* asked = std::getenv("PALIMPSEST_SOAK");
  return asked ? std::strtoull(asked, nullptr, 10) : 1;
}

}  // namespace palimpsest
