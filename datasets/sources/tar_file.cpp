#include "datasets/sources/tar_file.h"

#include "base/errors.h"
#include "datasets/sources/members.h"

namespace palimpsest {

template <class Step>
auto TarFile::told(const Step& step) const {
  try {
    return step();
  } catch (const ArchiveError& error) {
    throw InputError(path_.string(), name().empty() ? "" : "after " + printable_name(name()),
                     std::string("is not a whole tar: ") + error.what());
  }
}

TarFile::TarFile(const std::filesystem::path& path, const ArchiveOpener& open) : path_(path) {
  archive_ = told([&] { return open(path, ArchiveForm::kTar); });
}

bool TarFile::advance() {
  auto member = told([this] { return archive_->next_member(); });
  if (member) member_ = std::move(*member);
  return member.has_value();
}

std::string TarFile::read() {
  return told([this] {
    const auto whole = static_cast<std::size_t>(size());
    std::string bytes;
    bytes.reserve(whole);
    while (const auto piece = archive_->next_piece()) {
      const auto offset = static_cast<std::size_t>(piece->offset);
      if (offset < bytes.size() || offset > whole || piece->bytes.size() > whole - offset)
        throw ArchiveError("has pieces of a member that do not fit");
      bytes.resize(offset);  // what a sparse member leaves out is zeros
      bytes.append(piece->bytes);
    }
    bytes.resize(whole);
    return bytes;
  });
}

}  // namespace palimpsest
