#include "datasets/loading/group_cache.h"

namespace palimpsest {

GroupCache::GroupCache(std::vector<ShardReader> shards, std::int64_t most_bytes)
    : shards_(std::move(shards)), most_bytes_(most_bytes) {
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    const auto& groups = shards_[shard].index().groups;
    for (std::size_t group = 0; group < groups.size(); ++group) places_.push_back({shard, group, groups[group].rows});
  }
}

std::int64_t GroupCache::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::shared_ptr<const RowGroup> GroupCache::group(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  if (const auto found = kept_.find(number); found != kept_.end()) {
    uses_.splice(uses_.begin(), uses_, found->second.use);
    return found->second.rows;
  }
  const Place& place = places_.at(static_cast<std::size_t>(number));
  std::shared_ptr<const RowGroup> rows = shards_[place.shard].read_group(place.group);
  bytes_ += rows->bytes();
  uses_.push_front(number);
  kept_[number] = {rows, uses_.begin()};
  while (bytes_ > most_bytes_ && kept_.size() > 1) drop_oldest();
  return rows;
}

void GroupCache::drop_oldest() {
  const auto oldest = kept_.find(uses_.back());
  bytes_ -= oldest->second.rows->bytes();
  kept_.erase(oldest);
  uses_.pop_back();
}

}  // namespace palimpsest
