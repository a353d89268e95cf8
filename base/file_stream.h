// Whole files that are written and summed piece by piece, for those that are too large to be held at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace palimpsest {

// write_file_atomically in pieces: what is written lies under a temporary name beside `path` until commit() flushes it
// and renames it. IoError (disk full and the like) leaves what was there before; what is not committed is removed.
class AtomicFile {
 public:
  // `bytes` is how much will be written in all.
  AtomicFile(const std::filesystem::path& path, std::uint64_t bytes);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view content);
  void commit();

 private:
  std::filesystem::path path_, partial_;
  std::uint64_t half_, written_ = 0;
  int descriptor_;
  bool past_half_ = false, renamed_ = false;
};

// hash64_hex of a file's content, a block at a time. IoError when it cannot be read.
std::string file_hash_hex(const std::filesystem::path& path);

}  // namespace palimpsest
