// One target for clang's libFuzzer, chosen when it is compiled: PALIMPSEST_FUZZ_TARGET is its name.
#include <algorithm>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto target = std::find_if(palimpsest::fuzz_targets().begin(), palimpsest::fuzz_targets().end(),
                                          [](const auto& known) { return known.name == PALIMPSEST_FUZZ_TARGET; });
  palimpsest::run_target(*target, {reinterpret_cast<const char*>(data), size});
  return 0;
}
