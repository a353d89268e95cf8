#include "datasets/sources/split_source.h"

#include <sstream>

#include "base/files.h"
#include "base/random.h"
#include "datasets/sources/several_texts.h"

namespace palimpsest {

namespace {

class SplitSource : public Source {
 public:
  SplitSource(std::unique_ptr<Source> samples, Split split, const SkippedKeys& done)
      : samples_(std::move(samples)), split_(std::move(split)), missing_(split_.keys()) {
    for (const auto& [key, times] : done) missing_.erase(without_wording(key));
  }

  std::optional<ReadResult> next() override {
    while (auto result = samples_->next()) {
      const std::string key = without_wording(result->sample.key);  // all wordings of a picture are of one split
      if (!split_.holds(key)) continue;
      missing_.erase(key);
      return result;
    }
    if (missing_.empty()) return std::nullopt;
    const std::string key = *missing_.begin();
    missing_.erase(missing_.begin());
    return ReadResult{{key, {}, {}}, "is listed in the split but not in the source"};
  }

 private:
  std::unique_ptr<Source> samples_;
  Split split_;
  std::set<std::string> missing_;
};

}  // namespace

Split::Split(const SplitOptions& options) : options_(options) {
  if (options_.keys.empty()) return;
  const std::string file = find_data(options_.keys, "data.splits.keys").string();
  std::istringstream lines(read_file(file));
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (!keys_.insert(line).second)
      throw InputError(file, "line " + std::to_string(number), "lists '" + line + "' a second time");
  }
  if (keys_.empty()) throw InputError(file, "", "lists no key");
}

bool Split::holds(const std::string& key) const {
  if (!options_.keys.empty()) return keys_.contains(key);
  const double place = RandomKey::root(0).fold("split").fold(key).uniform(0);
  return options_.from <= place && place < options_.to;
}

std::unique_ptr<Source> split_source(std::unique_ptr<Source> samples, Split split, const SkippedKeys& done) {
  return std::make_unique<SplitSource>(std::move(samples), std::move(split), done);
}

}  // namespace palimpsest
