#include "datasets/prepare/merge.h"

#include <algorithm>
#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "datasets/prepare/settings.h"
#include "datasets/prepare/split_preparation.h"
#include "datasets/shards/manifest.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPartSetting = "/part";

struct PreparedPart {
  fs::path directory;
  Manifest manifest;
  std::string name;  // "2/8"
};

PreparedPart open_part(const fs::path& directory) {
  PreparedPart part{directory, read_manifest(directory), "1/1"};
  for (const auto& [split, entry] : part.manifest.splits) {
    if (!entry.complete)
      throw InputError(directory.string(), split, "is not complete; the command that prepares it goes on with it");
  }
  if (part.manifest.settings.contains(kPartSetting)) {
    part.name = part.manifest.settings.at(kPartSetting);
    part.manifest.settings.erase(kPartSetting);
  }
  return part;
}

// All parts of one preparation, each once, in their order.
std::vector<PreparedPart> open_parts(const std::vector<fs::path>& directories) {
  std::map<std::string, PreparedPart> by_name;
  for (const fs::path& directory : directories) {
    PreparedPart part = open_part(directory);
    const auto [found, fresh] = by_name.emplace(part.name, part);
    if (!fresh)
      throw InputError(directory.string(), "",
                       "is part " + part.name + ", as " + found->second.directory.string() + " is");
    check_same_settings(by_name.begin()->second.manifest.settings, part.manifest.settings, directory);
  }
  const std::string first = by_name.begin()->first, count = first.substr(first.find('/') + 1);
  std::vector<PreparedPart> parts;
  for (std::int64_t index = 0; index < std::stoll(count); ++index) {
    const std::string name = part_name({index, std::stoll(count)});
    if (!by_name.contains(name))
      throw InputError(directories.front().string(), "",
                       "belongs to " + count + " parts; part " + name + " is missing");
    parts.push_back(std::move(by_name.at(name)));
    by_name.erase(name);
  }
  if (!by_name.empty())
    throw InputError(by_name.begin()->second.directory.string(), "",
                     "is part " + by_name.begin()->first + ", of another number of parts");
  return parts;
}

// A second name for the file, or a copy of it.
void link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return;
  fs::copy_file(from, to, error);
  if (error) throw IoError(to.string(), "", "cannot copy " + from.string() + ": " + error.message());
}

void check_shard(const fs::path& path, const ShardEntry& entry) {
  const std::string bytes = read_file(path);
  if (static_cast<std::int64_t>(bytes.size()) != entry.bytes || hash64_hex(bytes) != entry.checksum)
    throw InputError(path.string(), "", "is damaged: its bytes are not those that the manifest sums");
}

// Where the rows of one part's split go.
struct Move {
  std::int64_t first_input = 0;
  std::map<std::string, std::string> shards;  // new names
  std::int64_t inputs = 0, kept = 0;          // that the ledger told so far
};

class Merger {
 public:
  explicit Merger(const fs::path& working) : working_(working), ledger_(working / kLedgerName, std::ios::binary) {}

  void add(const PreparedPart& part) {
    std::map<std::string, Move> moves;
    for (const auto& [name, split] : part.manifest.splits) moves[name] = add_shards(part.directory, name, split);
    for_each_row(part.directory, part.manifest.ledger_bytes, [&](LedgerRow row) {
      Move& move = moves[row.split];
      move.inputs += 1;
      move.kept += row.outcome == Outcome::kKept;
      row.index += move.first_input;
      if (row.outcome == Outcome::kKept) row.shard = move.shards[row.shard];
      count_row(row, report_);
      const std::string line = format_rows({row});
      ledger_ << line;
      manifest_.ledger_bytes += static_cast<std::int64_t>(line.size());
    });
    for (const auto& [name, split] : part.manifest.splits) {
      if (moves[name].inputs != split.inputs() || moves[name].kept != split.rows())
        throw InputError((part.directory / kLedgerName).string(), name, "does not have the rows that the shards have");
    }
  }

  PrepareReport finish(const PreparedPart& any) {
    ledger_.flush();
    if (!ledger_) throw IoError((working_ / kLedgerName).string(), "", "cannot write; is the disk full?");
    manifest_.settings = any.manifest.settings;
    manifest_.roles = any.manifest.roles;
    for (auto& [name, split] : manifest_.splits) {
      split.complete = true;
      report_[name].shards = static_cast<std::int64_t>(split.shards.size());
    }
    write_manifest(working_, manifest_);
    return report_;
  }

 private:
  Move add_shards(const fs::path& directory, const std::string& name, const SplitEntry& split) {
    SplitEntry& merged = manifest_.splits[name];
    Move move;
    move.first_input = merged.inputs();
    for (ShardEntry entry : split.shards) {
      stop_if_interrupted();
      check_shard(directory / entry.file, entry);
      const std::string fresh = shard_name(name, merged.shards.size());
      link_or_copy(directory / entry.file, working_ / fresh);
      move.shards[entry.file] = fresh;
      entry.file = fresh;
      merged.shards.push_back(std::move(entry));
    }
    return move;
  }

  fs::path working_;
  std::ofstream ledger_;
  Manifest manifest_;
  PrepareReport report_;
};

}  // namespace

PrepareReport merge_parts(const fs::path& directory, const std::vector<fs::path>& parts) {
  if (fs::exists(directory))
    throw InputError(directory.string(), "", "is there already; parts are merged into a directory of their own");
  const auto opened = open_parts(parts);
  AtomicDirectory whole(directory);
  Merger merger(whole.working());
  Progress progress("merging", static_cast<std::int64_t>(opened.size()), "parts");
  for (std::size_t number = 0; number < opened.size(); ++number) {
    merger.add(opened[number]);
    progress.update(static_cast<std::int64_t>(number) + 1);
  }
  const PrepareReport report = merger.finish(opened.front());
  whole.commit();
  progress.finish();
  return report;
}

}  // namespace palimpsest
