// Archives that others made: tars, and single files that may be packed. libarchive reads them here, or in a process of
// its own, which a file may end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/apart_stream.h"

namespace palimpsest {

// What is wrong with an archive, in words that go on from its name.
class ArchiveError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class ArchiveForm {
  kTar,   // its members but for folders
  kFile,  // one member: the file itself, unpacked; of an empty file none
};

struct ArchiveMember {
  std::string name;
  bool is_file = false;   // and no link or device
  std::int64_t size = 0;  // bytes; 0 where the form does not tell
};

struct ArchivePiece {
  std::int64_t offset = 0;  // within the member; what lies between two pieces is zeros
  std::string_view bytes;   // there until the archive is asked for something else
};

class Archive {
 public:
  virtual ~Archive() = default;
  // All of them throw ArchiveError where the archive is cut or damaged.
  virtual std::optional<ArchiveMember> next_member() = 0;  // passes over what is left of the one before
  virtual std::optional<ArchivePiece> next_piece() = 0;    // of the member at hand
};

// Opens an archive; gzip, bzip2, xz and zstd are told by content, whatever the name says.
using ArchiveOpener = std::function<std::unique_ptr<Archive>(const std::filesystem::path& path, ArchiveForm form)>;

// By libarchive in this process.
std::unique_ptr<Archive> open_archive(const std::filesystem::path& path, ArchiveForm form);

// By processes, each for one archive after the other: members and errors are the same. One that is ended by a signal or
// its memory, or that stalls, is an ArchiveError. The program serves when its first argument is kReadArchives.
// Everything in an archive comes through a pipe, also what nobody wants. One thread may open archives.
ArchiveOpener apart_archives(ApartOptions options);

// `palimpsest read-archives MEGABYTES`, which only the program itself calls: serves until stdin ends.
inline constexpr const char* kReadArchives = "read-archives";
int serve_archives(const std::vector<std::string>& arguments);

}  // namespace palimpsest
