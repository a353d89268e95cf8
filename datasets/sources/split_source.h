// Splits: which samples belong, by a file of keys or by a share of the keys' hashes.
#pragma once

#include <map>
#include <set>

#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// Samples that are done already and not wanted again: how often each key came.
using SkippedKeys = std::map<std::string, std::int64_t>;

class Split {
 public:
  // Reads the file of keys when there is one. InputError naming its line: a key twice, an empty file.
  explicit Split(const SplitOptions& options);

  bool holds(const std::string& key) const;
  const std::set<std::string>& keys() const { return keys_; }  // of the file; empty when the split is a share

 private:
  SplitOptions options_;
  std::set<std::string> keys_;
};

// Only the samples of the split; at the end, an error result for each key of its file that neither came nor is `done`.
std::unique_ptr<Source> split_source(std::unique_ptr<Source> samples, Split split, const SkippedKeys& done = {});

}  // namespace palimpsest
