// A shard's bytes with the entry a manifest would have of them.
#pragma once

#include "datasets/shards/shard_reader.h"
#include "tests/datasets/random_rows.h"

namespace palimpsest {

struct ShardFile {
  explicit ShardFile(const Shard& shard, const ShardFormat& format = {}) {
    const FormattedShard formatted = format_shard(shard, format);
    bytes = formatted.bytes;
    entry = describe_shard("s.h5", shard, formatted, shard.rows());
  }
  ShardReader reader() const { return ShardReader(memory_source(bytes, "s.h5"), entry); }
  // Every byte is asked for.
  void read_all() const {
    const ShardReader all = reader();
    all.verify_headers();
    for (std::size_t group = 0; group < all.index().groups.size(); ++group) all.read_group(group);
  }

  std::string bytes;
  ShardEntry entry;
};

}  // namespace palimpsest
