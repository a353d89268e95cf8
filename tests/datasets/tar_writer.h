// Tars for tests, with any names and kinds of members.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <string>
#include <vector>

namespace palimpsest {

struct TarMember {
  std::string name, content;
  std::string link_to;  // a symbolic link when not empty
};

enum class TarForm { kUstar, kPax, kGnu };

inline void write_tar(const std::filesystem::path& path, const std::vector<TarMember>& members,
                      TarForm form = TarForm::kUstar, bool gzip = false) {
  archive* out = archive_write_new();
  if (form == TarForm::kUstar) archive_write_set_format_ustar(out);
  if (form == TarForm::kPax) archive_write_set_format_pax(out);
  if (form == TarForm::kGnu) archive_write_set_format_gnutar(out);
  if (gzip) archive_write_add_filter_gzip(out);
  archive_write_set_options(out, "hdrcharset=BINARY");
  archive_write_open_filename(out, path.c_str());
  for (const TarMember& member : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, member.link_to.empty() ? AE_IFREG : AE_IFLNK);
    archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
    if (!member.link_to.empty()) archive_entry_set_symlink(entry, member.link_to.c_str());
    archive_write_header(out, entry);
    archive_write_data(out, member.content.data(), member.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
}

}  // namespace palimpsest
