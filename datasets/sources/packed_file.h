// A file read from its beginning, plain or packed (gzip, bzip2, xz, zstd: told by content).
#pragma once

#include <filesystem>
#include <string>

#include "datasets/sources/archive.h"

namespace palimpsest {

class PackedFile {
 public:
  // InputError when it cannot be opened.
  explicit PackedFile(const std::filesystem::path& path, const ArchiveOpener& open = open_archive);

  // Exactly `count` bytes, or fewer where the file ends. InputError naming the file when it is cut or damaged.
  std::string read(std::size_t count);

  struct Line {
    std::string text;       // without its end
    bool too_long = false;  // more than `limit` bytes: what goes beyond was read past, never kept
  };
  // The next line into `line`; false at the end. "\r\n" ends a line too.
  bool next_line(Line& line, std::size_t limit);

  const std::filesystem::path& path() const { return path_; }

 private:
  bool fill();  // the next block; false at the end
  template <class Step>
  void told(const Step& step) const;  // does it, naming the file where it fails

  std::filesystem::path path_;
  std::unique_ptr<Archive> archive_;
  std::string_view left_;  // of the block at hand; owned by the archive
  bool ended_ = false;
};

}  // namespace palimpsest
