#include "datasets/sources/tar_file.h"

#include "base/errors.h"
#include "datasets/sources/members.h"

namespace palimpsest {

TarFile::TarFile(const std::filesystem::path& path) : path_(path), archive_(new_archive()) {
  archive_read_support_format_tar(archive_.get());
  if (archive_read_open_filename(archive_.get(), path_.c_str(), kArchiveBlock) != ARCHIVE_OK) damaged("");
}

void TarFile::damaged(const std::string& after) const {
  throw InputError(path_.string(), after.empty() ? "" : "after " + printable_name(after),
                   "is not a whole tar: " + archive_reason(*archive_));
}

bool TarFile::advance() {
  do {
    const int status = archive_read_next_header(archive_.get(), &entry_);
    if (status == ARCHIVE_EOF) return false;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) damaged(name_);
    const char* name = archive_entry_pathname(entry_);
    name_ = name ? name : "";
  } while (archive_entry_filetype(entry_) == AE_IFDIR && archive_entry_hardlink(entry_) == nullptr);
  return true;
}

bool TarFile::is_file() const {
  return archive_entry_filetype(entry_) == AE_IFREG && archive_entry_hardlink(entry_) == nullptr;
}

// By blocks, which libarchive hands out where they lie; what a sparse member leaves out is zeros.
std::string TarFile::read() {
  const auto whole = static_cast<std::size_t>(size());
  std::string bytes;
  bytes.reserve(whole);
  const void* block = nullptr;
  std::size_t count = 0;
  la_int64_t offset = 0;
  int status = ARCHIVE_OK;
  while ((status = archive_read_data_block(archive_.get(), &block, &count, &offset)) == ARCHIVE_OK) {
    if (static_cast<std::size_t>(offset) > bytes.size()) bytes.resize(static_cast<std::size_t>(offset));
    bytes.append(static_cast<const char*>(block), count);
  }
  if (status != ARCHIVE_EOF) damaged(name_);
  bytes.resize(whole);
  return bytes;
}

}  // namespace palimpsest
