// One tar, read member by member.
#pragma once

#include <filesystem>
#include <string>

#include "datasets/sources/archive_handle.h"

namespace palimpsest {

class TarFile {
 public:
  explicit TarFile(const std::filesystem::path& path);  // InputError when it is no tar

  // Goes to the next member that is not a folder; false at the end. InputError naming the tar and the member before
  // when it is cut or damaged.
  bool advance();

  const std::string& name() const { return name_; }  // of the member at hand
  bool is_file() const;                              // and no link or device
  std::int64_t size() const { return archive_entry_size(entry_); }
  std::string read();  // its content
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void damaged(const std::string& after) const;

  std::filesystem::path path_;
  ArchiveHandle archive_;
  archive_entry* entry_ = nullptr;  // owned by the archive
  std::string name_;
};

}  // namespace palimpsest
