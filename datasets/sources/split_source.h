// Splits and parts: which samples belong, by a file of keys or by a share of the hashes of keys or of their groups.
#pragma once

#include <optional>
#include <set>

#include "datasets/sources/data_options.h"
#include "datasets/sources/key_pattern.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// One of several equal parts of a data set, each prepared by itself: the samples whose group's hash falls to it.
struct Part {
  std::int64_t index = 0, count = 1;
};

class Split {
 public:
  // Reads the file of keys when there is one. `group` is a regular expression that catches a key's group, "" for none:
  // samples of one group are in one share and in one part. InputError naming its line: a key twice, an empty file.
  explicit Split(const SplitOptions& options, const std::string& group = "", Part part = {});

  // A pure function of the key, so that what is added later moves no sample that was there.
  bool holds(const std::string& key) const;
  // The same of a sample whose group is told by something else than its key. A file of keys goes by the key alone.
  bool holds(const std::string& key, const std::string& group) const;
  const std::set<std::string>& keys() const { return keys_; }  // of the file and part; empty when the split is a share

 private:
  bool in_part(const std::string& group) const;

  SplitOptions options_;
  std::optional<KeyPattern> group_;
  Part part_;
  std::set<std::string> keys_;
};

// Goes through the samples of a source once, in order, and wants those of the split.
class SplitCursor {
 public:
  explicit SplitCursor(Split split);

  bool wants(const std::string& key);
  bool wants(const std::string& key, const std::string& group);
  // After the last sample: the next key of the split's file that never came.
  std::optional<std::string> next_missing();

 private:
  bool found(const std::string& key, bool held);

  Split split_;
  std::set<std::string> missing_;
};

// The samples, which the source gives as the cursor wants them; at the end an error result for each key that is
// missing.
std::unique_ptr<Source> split_source(std::unique_ptr<Source> samples, std::shared_ptr<SplitCursor> cursor);

}  // namespace palimpsest
