// What this machine has and can do, as rows for people and for JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace palimpsest {

enum class Verdict { kFine, kMissing, kFact };

struct MachineRow {
  std::string name;      // snake_case, the JSON key
  nlohmann::json value;  // number, string, true or false
  std::string unit;      // "" where there is none
  Verdict verdict = Verdict::kFact;
  std::string note;  // what a missing thing is needed for
};

// Looks at processor, memory, disk, LibTorch, CUDA, codecs and helper programs, and times two matrix products (under 2
// s).
std::vector<MachineRow> report_machine();

}  // namespace palimpsest
