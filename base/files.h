// Files that are either whole or not there: temporary name, flush, fsync, rename. And hashes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace palimpsest {

// Whole content. InputError when missing or a directory; IoError when unreadable.
std::string read_file(const std::filesystem::path& path);

// Writes beside `path` under a temporary name, fsyncs file and directory, renames. IoError (disk full and the like)
// leaves what was there before and removes the temporary file.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Makes a directory whole before it has its name: fill `working()`, then commit() renames it to `path` (fsynced). What
// is not committed is removed by the destructor. An existing `path` is replaced.
class AtomicDirectory {
 public:
  explicit AtomicDirectory(std::filesystem::path path);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;
  const std::filesystem::path& working() const { return working_; }
  void commit();

 private:
  std::filesystem::path path_, working_;
  bool committed_ = false;
};

// Flushes a file or directory to the disk; IoError on failure.
void sync_path(const std::filesystem::path& path);

// XXH3 64-bit of bytes, and its 16 hex digits.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
std::string hash64_hex(std::string_view bytes);

}  // namespace palimpsest
