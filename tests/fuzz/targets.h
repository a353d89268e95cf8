// Fuzz targets: each parser of ours and each way into a library's decoder, by name.
//
// A target takes any bytes. Refusing them by InputError or IoError is right; any other exception, a signal and a
// sanitizer's report are findings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

struct FuzzTarget {
  std::string name;  // and the folder of its corpus
  void (*run)(std::string_view bytes);
};

const std::vector<FuzzTarget>& fuzz_targets();

// Runs a target, and lets only refusals pass.
void run_target(const FuzzTarget& target, std::string_view bytes);

}  // namespace palimpsest
