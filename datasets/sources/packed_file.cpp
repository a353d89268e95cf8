#include "datasets/sources/packed_file.h"

#include "base/errors.h"

namespace palimpsest {

PackedFile::PackedFile(const std::filesystem::path& path, const ArchiveOpener& open) : path_(path) {
  try {
    archive_ = open(path, ArchiveForm::kFile);
  } catch (const ArchiveError& error) {
    throw InputError(path_.string(), "", std::string("cannot be read: ") + error.what());
  }
  told([this] { ended_ = !archive_->next_member(); });
}

template <class Step>
void PackedFile::told(const Step& step) const {
  try {
    step();
  } catch (const ArchiveError& error) {
    throw InputError(path_.string(), "", std::string("is cut or damaged: ") + error.what());
  }
}

bool PackedFile::fill() {
  while (left_.empty() && !ended_) {
    told([this] {
      const auto piece = archive_->next_piece();
      ended_ = !piece;
      if (piece) left_ = piece->bytes;
    });
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
