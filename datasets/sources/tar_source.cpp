#include "datasets/sources/tar_source.h"

#include <unordered_set>

#include "datasets/sources/files_in_a_row.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/source_files.h"
#include "datasets/sources/tar_file.h"

namespace palimpsest {

namespace {

struct NameParts {
  std::string key, extension;  // both empty: no part of any sample
};

std::string lower(std::string text) {
  for (char& character : text) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return text;
}

// "__NAME__" or "__NAME__/...": what the writer of a tar says of the tar itself.
bool is_about_the_tar(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('/'));
  return first.size() >= 4 && first.starts_with("__") && first.ends_with("__");
}

NameParts split_member(const std::string& full_name) {
  const std::string name = full_name.starts_with("./") ? full_name.substr(2) : full_name;
  if (is_about_the_tar(name)) return {};
  const std::size_t slash = name.rfind('/');
  const std::size_t dot = name.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos || dot == 0) return {};
  return {name.substr(0, dot), lower(name.substr(dot + 1))};
}

// One tar, group by group.
class TarGroups {
 public:
  TarGroups(const std::filesystem::path& path, const MemberRequest& request)
      : tar_(path, request.archives), request_(request), extensions_(request.extensions()) {
    advance();
  }

  // The next wanted group; nullopt at the end.
  std::optional<Members> next() {
    while (more_) {
      const std::string key = safe_ ? parts_.key : printable_name(tar_.name());
      const bool wanted = request_.wants_key(key);
      Members members = safe_ ? read_group(key, wanted) : unsafe(key);
      if (wanted) return members;
    }
    return std::nullopt;
  }

 private:
  // To the next member that belongs to a sample, or whose name must be told of.
  void advance() {
    do {
      more_ = tar_.advance();
      safe_ = more_ && is_safe_name(tar_.name());
      parts_ = safe_ ? split_member(tar_.name()) : NameParts{};
    } while (more_ && safe_ && parts_.key.empty());
  }

  Members unsafe(const std::string& key) {
    advance();
    return Members{.key = key, .error = "an unsafe name"};
  }

  Members read_group(const std::string& key, bool wanted) {
    Members members{.key = key};
    if (!seen_.insert(key).second) members.error = "comes twice: its members are not neighbours";
    while (more_ && parts_.key == key && safe_) {
      if (wanted && members.error.empty()) members.error = read_member(members);
      advance();
    }
    return members;
  }

  // Reads the member at hand into the group; returns what is wrong with it.
  std::string read_member(Members& members) {
    const std::string& extension = parts_.extension;
    if (!tar_.is_file()) return "." + extension + " is not a file but a link or a device";
    if (!extensions_.contains(extension)) return "";
    if (members.bytes.contains(extension)) return "has ." + extension + " twice";
    const std::string wrong = request_.too_long(extension, tar_.size(), members);
    if (!wrong.empty()) return wrong;
    members.bytes.emplace(extension, tar_.read());
    return "";
  }

  TarFile tar_;
  const MemberRequest& request_;
  std::set<std::string> extensions_;
  bool more_ = false, safe_ = false;
  NameParts parts_;                       // of the member at hand
  std::unordered_set<std::string> seen_;  // keys of this tar
};

class TarReader : public MemberReader {
 public:
  TarReader(std::vector<std::filesystem::path> tars, const TarOptions& options, MemberRequest request)
      : request_(std::move(request)),
        tars_(
            std::move(tars),
            [this](const std::filesystem::path& path) { return std::make_unique<TarGroups>(path, request_); },
            options.damaged) {}

  std::optional<Members> next() override {
    return tars_.next(request_, [](TarGroups& tar) { return tar.next(); });
  }

 private:
  MemberRequest request_;
  FilesInARow<TarGroups> tars_;
};

std::vector<std::filesystem::path> tars_of(const DataOptions& data) {
  return find_data_files(data.source, "data.source");
}

}  // namespace

std::unique_ptr<MemberReader> tar_reader(std::vector<std::filesystem::path> tars, const TarOptions& options,
                                         MemberRequest request) {
  return std::make_unique<TarReader>(std::move(tars), options, std::move(request));
}

std::unique_ptr<Source> tar_source(std::vector<std::filesystem::path> tars, const TarOptions& options,
                                   MemberRequest request) {
  return member_source(tar_reader(std::move(tars), options, request), request);
}

SourceForm tar_form() {
  return {
      "tar",
      "WebDatasets: one tar or several (plain, gzip, bzip2, xz or zstd) of members KEY.extension",
      "tar",
      [](const std::filesystem::path& path) {
        const std::string name = path.filename().string();
        return name.find(".tar") != std::string::npos || name.ends_with(".tgz");
      },
      [](const DataOptions& data) { return identity_of_files(tars_of(data)); },
      [](const DataOptions& data, MemberRequest request) {
        return tar_source(tars_of(data), data.tar, std::move(request));
      },
  };
}

}  // namespace palimpsest
