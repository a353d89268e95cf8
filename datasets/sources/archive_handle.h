// libarchive's readers, owned: of tars, and of single files that may be packed.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>

namespace palimpsest {

struct CloseArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};
using ArchiveHandle = std::unique_ptr<archive, CloseArchive>;

inline constexpr std::size_t kArchiveBlock = 1 << 20;  // bytes read at once

// A reader that unpacks gzip, bzip2, xz and zstd by content, whatever the name says.
inline ArchiveHandle new_archive() {
  ArchiveHandle handle(archive_read_new());
  archive_read_support_format_empty(handle.get());
  archive_read_support_filter_gzip(handle.get());
  archive_read_support_filter_bzip2(handle.get());
  archive_read_support_filter_xz(handle.get());
  archive_read_support_filter_zstd(handle.get());
  return handle;
}

inline std::string archive_reason(archive& handle) {
  const char* reason = archive_error_string(&handle);
  return reason ? reason : "unreadable";
}

}  // namespace palimpsest
