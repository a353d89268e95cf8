// The ledger: one line of JSON for every sample of the source, saying what became of it.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace palimpsest {

enum class Outcome { kKept, kFailed, kFiltered };
constexpr auto enum_names(Outcome) {
  return std::array{std::pair{Outcome::kKept, "kept"}, std::pair{Outcome::kFailed, "failed"},
                    std::pair{Outcome::kFiltered, "filtered"}};
}

struct LedgerRow {
  std::string split;
  std::int64_t index = 0;  // of the sample within the split's source
  std::string key;
  Outcome outcome = Outcome::kKept;
  std::string reason;     // why not kept
  nlohmann::json fitted;  // what was done to fit a picture, by role; null when nothing
};

inline constexpr const char* kLedgerName = "ledger.jsonl";

std::string format_rows(const std::vector<LedgerRow>& rows);

// Puts `text` at byte `at` of the directory's ledger, dropping what an interrupted run left after it; returns the new
// size. IoError when the disk is full or the ledger is shorter than `at`.
std::int64_t extend_ledger(const std::filesystem::path& directory, std::int64_t at, const std::string& text);

// The ledger's first `bytes` bytes. InputError when it is shorter, or names a line that is wrong.
std::vector<LedgerRow> read_ledger(const std::filesystem::path& directory, std::int64_t bytes);

}  // namespace palimpsest
