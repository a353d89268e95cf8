#include "datasets/sources/split_source.h"

#include <sstream>

#include "base/files.h"
#include "base/random.h"
#include "datasets/sources/several_texts.h"

namespace palimpsest {

namespace {

class SplitSource : public Source {
 public:
  SplitSource(std::unique_ptr<Source> samples, std::shared_ptr<SplitCursor> cursor)
      : samples_(std::move(samples)), cursor_(std::move(cursor)) {}

  std::optional<ReadResult> next() override {
    if (auto result = samples_->next()) return result;
    const auto key = cursor_->next_missing();
    if (!key) return std::nullopt;
    return ReadResult{{*key, {}, {}}, "is listed in the split but not in the source"};
  }

 private:
  std::unique_ptr<Source> samples_;
  std::shared_ptr<SplitCursor> cursor_;
};

}  // namespace

Split::Split(const SplitOptions& options, const std::string& group, Part part) : options_(options), part_(part) {
  if (!group.empty()) group_.emplace(group, "data.group");
  if (options_.keys.empty()) return;
  const std::string file = find_data(options_.keys, "data.splits.keys").string();
  std::istringstream lines(read_file(file));
  std::int64_t number = 0;
  std::set<std::string> all;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (!all.insert(line).second)
      throw InputError(file, "line " + std::to_string(number), "lists '" + line + "' a second time");
    if (in_part(group_of(line, group_))) keys_.insert(line);
  }
  if (all.empty()) throw InputError(file, "", "lists no key");
}

bool Split::in_part(const std::string& group) const {
  if (part_.count == 1) return true;
  const auto count = static_cast<std::uint64_t>(part_.count);
  return RandomKey::root(0).fold("part").fold(group).below(count, 0) == static_cast<std::uint64_t>(part_.index);
}

bool Split::holds(const std::string& key) const { return holds(key, group_of(key, group_)); }

bool Split::holds(const std::string& key, const std::string& group) const {
  if (!options_.keys.empty()) return keys_.contains(key);
  const double place = RandomKey::root(0).fold("split").fold(group).uniform(0);
  return options_.from <= place && place < options_.to && in_part(group);
}

SplitCursor::SplitCursor(Split split) : split_(std::move(split)), missing_(split_.keys()) {}

bool SplitCursor::wants(const std::string& key) {
  const std::string whole = without_wording(key);  // all wordings of a picture are of one split
  return found(whole, split_.holds(whole));
}

bool SplitCursor::wants(const std::string& key, const std::string& group) {
  const std::string whole = without_wording(key);
  return found(whole, split_.holds(whole, group));
}

bool SplitCursor::found(const std::string& key, bool held) {
  if (held) missing_.erase(key);
  return held;
}

std::optional<std::string> SplitCursor::next_missing() {
  if (missing_.empty()) return std::nullopt;
  return missing_.extract(missing_.begin()).value();
}

std::unique_ptr<Source> split_source(std::unique_ptr<Source> samples, std::shared_ptr<SplitCursor> cursor) {
  return std::make_unique<SplitSource>(std::move(samples), std::move(cursor));
}

}  // namespace palimpsest
