// The ledger's lines.
#include "datasets/prepare/ledger.h"

#include <gtest/gtest.h>

#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

LedgerRow row_of(std::int64_t index, const std::string& key, Outcome outcome) {
  LedgerRow row;
  row.split = "train";
  row.index = index;
  row.key = key;
  row.outcome = outcome;
  return row;
}

// One of every outcome, with all that a key or a reason may quote.
std::vector<LedgerRow> odd_rows() {
  LedgerRow kept = row_of(0, "a/b \"quoted\" \\ 鍵", Outcome::kKept);
  kept.shard = "train-00000.h5";
  kept.row = 3;
  kept.fitted = {{"picture", "40x30 to 8x8 by crop"}};
  kept.traits = {{"same", "00ff"}};
  LedgerRow failed = row_of(1, "not\xffutf8", Outcome::kFailed);
  failed.reason = "line\nend\ttab\x01 and \x7f";
  LedgerRow filtered = row_of(2, "", Outcome::kFiltered);
  filtered.rule = "words";
  filtered.value = 1.5;
  LedgerRow duplicate = row_of(1'000'000'000'000, "k", Outcome::kDuplicate);
  duplicate.of = "a/b";
  duplicate.origin = "k~2";
  return {kept, failed, filtered, duplicate};
}

TEST(LedgerText, LinesAreThoseOfTheJsonLibrary) {
  const std::string expected =
      R"({"split":"train","index":0,"key":"a/b \"quoted\" \\ 鍵","outcome":"kept","shard":"train-00000.h5","row":3,)"
      R"("fitted":{"picture":"40x30 to 8x8 by crop"},"traits":{"same":"00ff"}})"
      "\n"
      R"({"split":"train","index":1,"key":"not�utf8","outcome":"failed","reason":"line\nend\ttab\u0001 and )"
      "\x7f\"}\n"
      R"({"split":"train","index":2,"key":"","outcome":"filtered","rule":"words","value":1.5})"
      "\n"
      R"({"split":"train","index":1000000000000,"key":"k","outcome":"duplicate","of":"a/b","origin":"k~2"})"
      "\n";
  EXPECT_EQ(format_rows(odd_rows()), expected);
  std::istringstream lines(expected);
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(nlohmann::ordered_json::parse(line).dump(), line);
}

TEST(LedgerText, RowsAreReadBack) {
  const ScratchFolder scratch;
  const std::string text = format_rows(odd_rows());
  scratch.write(kLedgerName, text);
  const auto rows = read_ledger(scratch.path(), static_cast<std::int64_t>(text.size()));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(format_rows(rows), text);
  EXPECT_EQ(rows[0].key, odd_rows()[0].key);
  EXPECT_EQ(rows[1].reason, odd_rows()[1].reason);
}

}  // namespace
}  // namespace palimpsest
