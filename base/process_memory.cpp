#include "base/process_memory.h"

#include <fstream>
#include <string>
#include <string_view>

namespace palimpsest {

namespace {

// A line "NAME:   123 kB".
std::int64_t status_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoll(line.substr(name.size())) * 1024;
  }
  return 0;
}

}  // namespace

std::int64_t resident_bytes() { return status_bytes("VmRSS:"); }

std::int64_t highest_resident_bytes() { return status_bytes("VmHWM:"); }

void forget_highest_resident() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace palimpsest
