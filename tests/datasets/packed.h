// Files packed by libarchive's filters, for tests.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace palimpsest {

// `filter` is one of ARCHIVE_FILTER_*; `options` as of archive_write_set_options.
inline void write_packed(const std::filesystem::path& path, const std::string& bytes, int filter,
                         const std::string& options = "") {
  archive* out = archive_write_new();
  archive_write_set_format_raw(out);
  if (archive_write_add_filter(out, filter) != ARCHIVE_OK) throw std::runtime_error(archive_error_string(out));
  if (!options.empty() && archive_write_set_options(out, options.c_str()) != ARCHIVE_OK)
    throw std::runtime_error(archive_error_string(out));
  archive_write_open_filename(out, path.c_str());
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(out, entry);
  archive_write_data(out, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_close(out);
  archive_write_free(out);
}

}  // namespace palimpsest
