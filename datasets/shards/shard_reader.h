// ShardReader: row groups of one shard, each read by its place and verified when it is read.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "datasets/shards/manifest.h"
#include "datasets/shards/row_group.h"

namespace palimpsest {

// A file's bytes by range, wherever they lie. `name` is what errors call it.
struct ByteSource {
  std::string name;
  std::int64_t size = 0;
  std::function<std::string(std::int64_t begin, std::int64_t count)> read;
};

// InputError when the file is missing. Each range is a read of its own: no file stays open, and none is mapped, so that
// a disk that fails is an error and no signal.
ByteSource file_source(const std::filesystem::path& path);
ByteSource memory_source(std::string_view bytes, std::string name);  // the bytes must outlive it

class ShardReader {
 public:
  // Reads and verifies the index. InputError naming the file: missing, another size than the manifest says, an index
  // that differs from the manifest's sum or contradicts it.
  ShardReader(ByteSource source, const ShardEntry& entry);

  const ShardIndex& index() const { return index_; }
  // InputError naming the file and what differs: "superblock (bytes 0..95)", "headers".
  void verify_headers() const;
  // InputError naming the file, the row group and the array: a sum that differs, offsets that fall or do not end at the
  // last value, an id outside its code space.
  std::shared_ptr<const RowGroup> read_group(std::size_t number) const;
  at::Tensor layout_LA(const std::string& role) const;  // int32, coordinates of the role's longest row

 private:
  class GroupReader;
  std::string read_sum(std::int64_t begin, std::int64_t end, const std::string& sum, const std::string& what) const;
  std::string read_array(const ArrayPlace& place, const std::string& what) const;  // verified and inflated

  ByteSource source_;
  std::int64_t index_begin_, index_end_;
  ShardIndex index_;
};

// A shard's reader with its headers verified, for a split and roles as the manifest has them. InputError naming the
// file: made for another split, of other rows, roles missing or made by another tokenizer.
ShardReader open_shard(const std::filesystem::path& directory, const std::string& split, const Manifest& manifest,
                       const ShardEntry& entry);

}  // namespace palimpsest
