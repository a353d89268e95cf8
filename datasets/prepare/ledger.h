// The ledger: one line of JSON for every sample of the source, saying what became of it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/options.h"

namespace palimpsest {

enum class Outcome { kKept, kFailed, kFiltered, kDuplicate };
constexpr auto enum_names(Outcome) {
  return std::array{std::pair{Outcome::kKept, "kept"}, std::pair{Outcome::kFailed, "failed"},
                    std::pair{Outcome::kFiltered, "filtered"}, std::pair{Outcome::kDuplicate, "duplicate"}};
}

struct LedgerRow {
  std::string split;
  std::int64_t index = 0;  // of the sample within the split's source
  std::string key;
  Outcome outcome = Outcome::kKept;
  std::string shard;                          // kept: the file,
  std::int64_t row = 0;                       // and the row in it
  std::string reason;                         // not kept: why, in words
  std::string rule;                           // filtered, duplicate: by which rule of the recipe,
  nlohmann::json value;                       // and what it measured; null when nothing
  std::string of;                             // duplicate: the key that was kept
  std::string origin;                         // of a variant: the sample that it varies
  nlohmann::json fitted;                      // what was done to fit a picture, by role; null when nothing
  std::map<std::string, std::string> traits;  // kept: what rules against duplicates know it by, as hex
};

inline constexpr const char* kLedgerName = "ledger.jsonl";

std::string format_rows(const std::vector<LedgerRow>& rows);

// Puts `text` at byte `at` of the directory's ledger, dropping what an interrupted run left after it; returns the new
// size. IoError when the disk is full or the ledger is shorter than `at`.
std::int64_t extend_ledger(const std::filesystem::path& directory, std::int64_t at, const std::string& text);

// Goes through the ledger's first `bytes` bytes in order, a row at a time, whatever its size. InputError when it is
// shorter, or names a line that is wrong.
void for_each_row(const std::filesystem::path& directory, std::int64_t bytes,
                  const std::function<void(const LedgerRow&)>& action);
std::vector<LedgerRow> read_ledger(const std::filesystem::path& directory, std::int64_t bytes);

}  // namespace palimpsest
