#include "datasets/sources/packed_file.h"

#include "base/errors.h"

namespace palimpsest {

PackedFile::PackedFile(const std::filesystem::path& path) : path_(path), archive_(new_archive()) {
  archive_read_support_format_raw(archive_.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(archive_.get(), path_.c_str(), kArchiveBlock) != ARCHIVE_OK) refuse("cannot be read");
  const int status = archive_read_next_header(archive_.get(), &entry);
  ended_ = status == ARCHIVE_EOF;  // an empty file
  if (status != ARCHIVE_OK && !ended_) refuse("is cut or damaged");
}

void PackedFile::refuse(const char* rule) const {
  throw InputError(path_.string(), "", rule + (": " + archive_reason(*archive_)));
}

bool PackedFile::fill() {
  while (left_.empty() && !ended_) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(archive_.get(), &block, &size, &offset);
    ended_ = status == ARCHIVE_EOF;
    if (status != ARCHIVE_OK && !ended_) refuse("is cut or damaged");
    if (!ended_) left_ = {static_cast<const char*>(block), size};
  }
  return !left_.empty();
}

std::string PackedFile::read(std::size_t count) {
  std::string bytes;
  while (bytes.size() < count && fill()) {
    const std::string_view part = left_.substr(0, count - bytes.size());
    bytes += part;
    left_.remove_prefix(part.size());
  }
  return bytes;
}

bool PackedFile::next_line(Line& line, std::size_t limit) {
  line.text.clear();
  line.too_long = false;
  if (!fill()) return false;
  for (bool whole = false; !whole && fill();) {
    const std::size_t end = left_.find('\n');
    whole = end != std::string_view::npos;
    const std::string_view part = left_.substr(0, end), kept = part.substr(0, limit + 1 - line.text.size());
    line.text += kept;
    left_.remove_prefix(part.size() + (whole ? 1 : 0));
    line.too_long = line.too_long || kept.size() < part.size();
  }
  if (line.text.ends_with('\r') && !line.too_long) line.text.pop_back();
  line.too_long = line.too_long || line.text.size() > limit;
  return true;
}

}  // namespace palimpsest
