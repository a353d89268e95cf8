// The targets under clang's libFuzzer: PALIMPSEST_FUZZ_TARGET in the environment names the one to run.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "tests/fuzz/targets.h"

namespace palimpsest {

namespace {

const FuzzTarget& named_target() {
  const char* name = std::getenv("PALIMPSEST_FUZZ_TARGET");
  for (const FuzzTarget& target : fuzz_targets()) {
    if (name && target.name == name) return target;
  }
  std::cerr << "PALIMPSEST_FUZZ_TARGET names no target; there are";
  for (const FuzzTarget& target : fuzz_targets()) std::cerr << ' ' << target.name;
  std::cerr << '\n';
  std::exit(2);
}

}  // namespace

}  // namespace palimpsest

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const palimpsest::FuzzTarget& target = palimpsest::named_target();
  palimpsest::run_target(target, {reinterpret_cast<const char*>(data), size});
  return 0;
}
