#include "datasets/sources/archive.h"

#include <archive.h>
#include <archive_entry.h>

namespace palimpsest {

namespace {

constexpr std::size_t kArchiveBlock = 1 << 20;  // bytes read at once

struct CloseArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

class LibArchive : public Archive {
 public:
  LibArchive(const std::filesystem::path& path, ArchiveForm form) : archive_(archive_read_new()) {
    archive_read_support_format_empty(archive_.get());
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_filter_zstd(archive_.get());
    if (form == ArchiveForm::kTar) archive_read_support_format_tar(archive_.get());
    if (form == ArchiveForm::kFile) archive_read_support_format_raw(archive_.get());
    if (archive_read_open_filename(archive_.get(), path.c_str(), kArchiveBlock) != ARCHIVE_OK) fail();
  }

  std::optional<ArchiveMember> next_member() override {
    archive_entry* entry = nullptr;
    do {
      const int status = archive_read_next_header(archive_.get(), &entry);
      if (status == ARCHIVE_EOF) return std::nullopt;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail();
    } while (archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == nullptr);
    const char* name = archive_entry_pathname(entry);
    const bool is_file = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    return ArchiveMember{name ? name : "", is_file, archive_entry_size(entry)};
  }

  // Where libarchive has it.
  std::optional<ArchivePiece> next_piece() override {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(archive_.get(), &block, &size, &offset);
    if (status == ARCHIVE_EOF) return std::nullopt;
    if (status != ARCHIVE_OK) fail();
    return ArchivePiece{offset, {static_cast<const char*>(block), size}};
  }

 private:
  [[noreturn]] void fail() const {
    const char* reason = archive_error_string(archive_.get());
    throw ArchiveError(reason ? reason : "unreadable");
  }

  std::unique_ptr<archive, CloseArchive> archive_;
};

}  // namespace

std::unique_ptr<Archive> open_archive(const std::filesystem::path& path, ArchiveForm form) {
  return std::make_unique<LibArchive>(path, form);
}

}  // namespace palimpsest
