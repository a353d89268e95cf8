// Memory of this process as Linux tells it (/proc/self/status), in bytes; elsewhere 0.
#pragma once

#include <cstdint>

namespace palimpsest {

std::int64_t resident_bytes();          // now
std::int64_t highest_resident_bytes();  // since the process began, or since it was last forgotten
void forget_highest_resident();

}  // namespace palimpsest
