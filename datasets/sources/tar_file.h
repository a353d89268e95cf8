// One tar, read member by member.
#pragma once

#include <filesystem>
#include <string>

#include "datasets/sources/archive.h"

namespace palimpsest {

class TarFile {
 public:
  // InputError when it is no tar.
  explicit TarFile(const std::filesystem::path& path, const ArchiveOpener& open = open_archive);

  // Goes to the next member that is not a folder; false at the end. InputError naming the tar and the member before
  // when it is cut or damaged.
  bool advance();

  const std::string& name() const { return member_.name; }  // of the member at hand
  bool is_file() const { return member_.is_file; }          // and no link or device
  std::int64_t size() const { return member_.size; }
  std::string read();  // its content
  const std::filesystem::path& path() const { return path_; }

 private:
  // What `step` makes of the archive.
  template <class Step>
  auto told(const Step& step) const;

  std::filesystem::path path_;
  std::unique_ptr<Archive> archive_;
  ArchiveMember member_;
};

}  // namespace palimpsest
