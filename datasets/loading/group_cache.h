// GroupCache: row groups in bounded memory, read when they are wanted.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "datasets/shards/shard_reader.h"

namespace palimpsest {

class GroupCache {
 public:
  // The groups of all shards, in order. `most_bytes` of them are kept, and at least the one asked for last.
  GroupCache(std::vector<ShardReader> shards, std::int64_t most_bytes);

  std::int64_t groups() const { return static_cast<std::int64_t>(places_.size()); }
  std::int64_t rows_of(std::int64_t group) const { return places_[static_cast<std::size_t>(group)].rows; }
  std::int64_t kept_bytes() const;
  // From memory, or read and verified now. Several threads may ask at once; whoever misses reads alone.
  std::shared_ptr<const RowGroup> group(std::int64_t number);

 private:
  struct Place {
    std::size_t shard, group;  // within the shard
    std::int64_t rows;
  };
  struct Kept {
    std::shared_ptr<const RowGroup> rows;
    std::list<std::int64_t>::iterator use;
  };
  void drop_oldest();

  std::vector<ShardReader> shards_;
  std::vector<Place> places_;
  std::int64_t most_bytes_, bytes_ = 0;
  mutable std::mutex mutex_;
  std::unordered_map<std::int64_t, Kept> kept_;
  std::list<std::int64_t> uses_;  // newest first
};

}  // namespace palimpsest
