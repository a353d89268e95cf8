#include "datasets/sources/tar_source.h"

#include <archive.h>
#include <archive_entry.h>

#include <unordered_set>

#include "datasets/sources/identity.h"

namespace palimpsest {

namespace {

constexpr std::size_t kBlock = 64 << 10;

struct CloseArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};
using ArchiveHandle = std::unique_ptr<archive, CloseArchive>;

struct NameParts {
  std::string key, extension;
};

std::string lower(std::string text) {
  for (char& character : text) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return text;
}

NameParts split_name(const std::string& full_name) {
  const std::string name = full_name.starts_with("./") ? full_name.substr(2) : full_name;
  const std::size_t slash = name.rfind('/');
  const std::size_t dot = name.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), lower(name.substr(dot + 1))};
}

class TarSource : public Source {
 public:
  TarSource(const std::filesystem::path& path, MemberRequest request)
      : path_(path.string()),
        request_(std::move(request)),
        extensions_(request_.extensions()),
        archive_(archive_read_new()) {
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_empty(archive_.get());
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_filter_zstd(archive_.get());
    if (archive_read_open_filename(archive_.get(), path_.c_str(), kBlock) != ARCHIVE_OK) damaged();
    advance();
  }

  std::optional<ReadResult> next() override {
    while (entry_) {
      const NameParts first = parts_;
      if (!is_safe_name(name_)) {
        const std::string name = printable_name(name_);
        advance();
        if (request_.wants_key(name)) return ReadResult{{name, {}, {}}, "an unsafe name"};
        continue;
      }
      const bool wanted = request_.wants_key(first.key);
      Members members = read_group(first.key, wanted);
      if (wanted) return make_sample(std::move(members), request_);
    }
    return std::nullopt;
  }

 private:
  [[noreturn]] void damaged() const {
    const char* reason = archive_error_string(archive_.get());
    throw InputError(path_, last_name_.empty() ? "" : "after " + printable_name(last_name_),
                     "is not a whole tar: " + std::string(reason ? reason : "unreadable"));
  }

  // Goes to the next member that is not a directory; entry_ is null at the end.
  void advance() {
    do {
      const int status = archive_read_next_header(archive_.get(), &entry_);
      if (status == ARCHIVE_EOF) {
        entry_ = nullptr;
        return;
      }
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) damaged();
      const char* name = archive_entry_pathname(entry_);
      last_name_ = std::exchange(name_, name ? name : "");
    } while (archive_entry_filetype(entry_) == AE_IFDIR && archive_entry_hardlink(entry_) == nullptr);
    parts_ = split_name(name_);
  }

  Members read_group(const std::string& key, bool wanted) {
    Members members;
    members.key = key;
    if (!seen_.insert(key).second) members.error = "comes twice: its members are not neighbours";
    while (entry_ && parts_.key == key && is_safe_name(name_)) {
      if (wanted && members.error.empty()) members.error = read_member(members);
      advance();
    }
    return members;
  }

  // Reads the member at hand into the group; returns what is wrong with it.
  std::string read_member(Members& members) {
    if (archive_entry_filetype(entry_) != AE_IFREG || archive_entry_hardlink(entry_)) {
      return "." + parts_.extension + " is not a file but a link or a device";
    }
    if (!extensions_.contains(parts_.extension)) return "";
    if (members.bytes.contains(parts_.extension)) return "has ." + parts_.extension + " twice";
    const la_int64_t size = archive_entry_size(entry_);
    if (size > kLongestMember)
      return "." + parts_.extension + " has " + std::to_string(size) + " bytes, more than 256 MB";
    std::string bytes(static_cast<std::size_t>(size), '\0');
    const la_ssize_t got = archive_read_data(archive_.get(), bytes.data(), bytes.size());
    if (got < 0 || static_cast<la_int64_t>(got) != size) {
      last_name_ = name_;
      damaged();
    }
    members.bytes.emplace(parts_.extension, std::move(bytes));
    return "";
  }

  std::string path_;
  MemberRequest request_;
  std::set<std::string> extensions_;
  ArchiveHandle archive_;
  archive_entry* entry_ = nullptr;  // owned by the archive
  std::string name_, last_name_;
  NameParts parts_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::unique_ptr<Source> tar_source(const std::filesystem::path& path, MemberRequest request) {
  return std::make_unique<TarSource>(path, std::move(request));
}

SourceForm tar_form() {
  return {
      "tar",
      "a WebDataset: a tar (plain, gzip, bzip2, xz or zstd) of members KEY.extension",
      "",
      [](const std::filesystem::path& path) {
        const std::string name = path.filename().string();
        return name.find(".tar") != std::string::npos || name.ends_with(".tgz");
      },
      [](const DataOptions& data) { return identity_of_file(find_data(data.source, "data.source")); },
      [](const DataOptions& data, MemberRequest request) {
        return tar_source(find_data(data.source, "data.source"), std::move(request));
      },
  };
}

}  // namespace palimpsest
