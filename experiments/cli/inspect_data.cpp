// palimpsest inspect: a directory that prepare wrote.
//
// Shapes: V ids of a role.
#include <cmath>

#include "datasets/prepare/ledger.h"
#include "datasets/shards/shard_reader.h"
#include "experiments/cli/inspect.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReasons = 8;  // told; the ledger has them all

// What the shards hold of one role.
struct RoleUse {
  std::vector<std::int64_t> lengths;  // of the rows that have it
  std::int64_t absent = 0;            // rows that lack it
  at::Tensor counts_V;                // how often each id stands there
};

void add_group(std::map<std::string, RoleUse>& uses, const RowGroup& group, const ShardIndex& index) {
  for (const auto& [name, column] : group.roles()) {
    RoleUse& use = uses[name];
    for (std::int64_t row = 0; row < group.rows(); ++row) {
      if (column.has(row)) {
        use.lengths.push_back(column.length(row));
      } else {
        ++use.absent;
      }
    }
    const at::Tensor counts_V = at::bincount(column.all_ids_M(), {}, index.roles.at(name).space.size());
    use.counts_V = use.counts_V.defined() ? use.counts_V + counts_V : counts_V;
  }
}

// Every byte is verified, one row group at a time, so that a directory larger than memory can be looked into.
std::map<std::string, RoleUse> read_uses(const fs::path& directory, const Manifest& manifest) {
  std::map<std::string, RoleUse> uses;
  for (const auto& [name, split] : manifest.splits) {
    for (const ShardEntry& entry : split.shards) {
      const ShardReader reader = open_shard(directory, name, manifest, entry);
      for (std::size_t group = 0; group < reader.index().groups.size(); ++group)
        add_group(uses, *reader.read_group(group), reader.index());
    }
  }
  return uses;
}

// The smallest value that the share of all does not exceed (nearest rank).
Facts percentile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return nullptr;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[rank > 0 ? rank - 1 : 0];
}

Facts length_row(const std::string& role, RoleUse use) {
  std::sort(use.lengths.begin(), use.lengths.end());
  Facts row{{"role", role}, {"rows", use.lengths.size()}, {"absent", use.absent}};
  row["shortest"] = percentile(use.lengths, 0.0);
  for (const int percent : {10, 50, 90, 99})
    row["p" + std::to_string(percent)] = percentile(use.lengths, percent / 100.0);
  row["longest"] = percentile(use.lengths, 1.0);
  return row;
}

// Entropy of the ids' frequencies, bits: log2 of the ids that would do as much if all were used alike.
double entropy_bits(const at::Tensor& counts_V) {
  const at::Tensor share_V = counts_V.to(at::kDouble) / counts_V.sum().to(at::kDouble);
  return -at::xlogy(share_V, share_V).sum().item<double>() / std::log(2.0);
}

// Rows by length, in at most kBars stretches of equal width.
Facts histogram_row(const std::string& role, const RoleUse& use) {
  constexpr std::int64_t kBars = 40;
  Facts row{{"role", role}, {"from", 0}, {"width", 1}, {"rows", Facts::array()}};
  if (use.lengths.empty()) return row;
  const auto [least, most] = std::minmax_element(use.lengths.begin(), use.lengths.end());
  const std::int64_t from = *least, width = (*most - from) / kBars + 1;
  std::vector<std::int64_t> counts(static_cast<std::size_t>((*most - from) / width) + 1, 0);
  for (const std::int64_t length : use.lengths) ++counts[static_cast<std::size_t>((length - from) / width)];
  row["from"] = from;
  row["width"] = width;
  row["rows"] = counts;
  return row;
}

Facts vocabulary_row(const std::string& role, const RoleUse& use, const RoleTokens& tokens) {
  const std::int64_t total = use.counts_V.defined() ? use.counts_V.sum().item<std::int64_t>() : 0;
  Facts row{{"role", role},
            {"modality", tokens.space.modality},
            {"ids", tokens.space.size()},
            {"used", total > 0 ? use.counts_V.gt(0).sum().item<std::int64_t>() : 0},
            {"tokens", total}};
  row["entropy_bits"] = total > 0 ? Facts(entropy_bits(use.counts_V)) : Facts();
  row["most_bits"] = std::log2(static_cast<double>(tokens.space.size()));
  row["fingerprint"] = tokens.fingerprint;
  return row;
}

struct LedgerTally {
  std::map<std::string, std::map<Outcome, std::int64_t>> outcomes;  // by split
  Facts reasons = Facts::array();                                   // the first ones, each with its first sample
};

LedgerTally read_tally(const fs::path& directory, const Manifest& manifest) {
  LedgerTally tally;
  for_each_row(directory, manifest.ledger_bytes, [&tally](const LedgerRow& row) {
    ++tally.outcomes[row.split][row.outcome];
    if (row.outcome == Outcome::kKept || tally.reasons.size() == kReasons) return;
    tally.reasons.push_back(
        {{"split", row.split}, {"key", row.key}, {"outcome", enum_name(row.outcome)}, {"reason", row.reason}});
  });
  return tally;
}

Facts split_rows(const Manifest& manifest, LedgerTally& tally) {
  Facts rows = Facts::array();
  for (const auto& [name, split] : manifest.splits) {
    std::int64_t bytes = 0;
    for (const ShardEntry& entry : split.shards) bytes += entry.bytes;
    auto& outcomes = tally.outcomes[name];
    rows.push_back({{"split", name},
                    {"rows", split.rows()},
                    {"shards", split.shards.size()},
                    {"bytes", bytes},
                    {"complete", split.complete},
                    {"kept", outcomes[Outcome::kKept]},
                    {"filtered", outcomes[Outcome::kFiltered]},
                    {"duplicates", outcomes[Outcome::kDuplicate]},
                    {"failed", outcomes[Outcome::kFailed]}});
  }
  return rows;
}

}  // namespace

Facts inspect_data(const fs::path& directory) {
  const Manifest manifest = read_manifest(directory);
  std::map<std::string, RoleUse> uses = read_uses(directory, manifest);
  LedgerTally tally = read_tally(directory, manifest);
  Facts facts{{"what", "prepared data"}, {"path", directory.string()}};
  facts["source"] = manifest.settings.value("/data/source", "");
  facts["splits"] = split_rows(manifest, tally);
  facts["lengths"] = Facts::array();
  facts["histograms"] = Facts::array();
  facts["vocabulary_use"] = Facts::array();
  for (const auto& [role, tokens] : manifest.roles) {
    facts["lengths"].push_back(length_row(role, uses[role]));
    facts["histograms"].push_back(histogram_row(role, uses[role]));
    facts["vocabulary_use"].push_back(vocabulary_row(role, uses[role], tokens));
  }
  facts["first_left_out"] = tally.reasons;
  return facts;
}

}  // namespace palimpsest
