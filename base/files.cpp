#include "base/files.h"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "base/errors.h"
#include "base/failpoint.h"
#include "base/file_stream.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".partial-";

[[noreturn]] void fail(const fs::path& path, const std::string& what, int code = errno) {
  throw IoError(path.string(), "", what + ": " + std::generic_category().message(code));
}

void write_all(int descriptor, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "cannot write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

class FileHandle {
 public:
  // `name` is what errors call it.
  FileHandle(const fs::path& path, int flags, fs::path name)
      : path_(std::move(name)), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail(path_, "cannot open");
  }
  FileHandle(int descriptor, fs::path name) : path_(std::move(name)), descriptor_(descriptor) {}
  ~FileHandle() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;

  // The descriptor, which the caller closes.
  int release() { return std::exchange(descriptor_, -1); }
  void sync() {
    if (::fsync(descriptor_) != 0 && errno != EINVAL) fail(path_, "cannot flush to the disk");
  }
  // Network file systems report a full disk only here.
  void close() {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail(path_, "cannot close");
  }
  // At most as much as fits; 0 at the end.
  std::size_t read_some(std::span<char> place) {
    while (true) {
      const ssize_t got = ::read(descriptor_, place.data(), place.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail(path_, "cannot read");
    }
  }
  std::string read(std::size_t size_hint) {
    std::string content(size_hint + 1, '\0');
    std::size_t size = 0;
    while (true) {
      if (size == content.size()) content.resize(2 * content.size());
      const std::size_t got = read_some(std::span(content).subspan(size));
      if (got == 0) break;
      size += got;
    }
    content.resize(size);
    return content;
  }

 private:
  fs::path path_;
  int descriptor_;
};

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// Hidden, beside its final place, named after the process and thread that fill it.
fs::path partial_name(const fs::path& path) {
  return folder_of(path) / ("." + path.filename().string() + std::string(kPartial) + std::to_string(::getpid()) + "-" +
                            std::to_string(::gettid()));
}

// What killed processes left behind for `path`.
void remove_abandoned(const fs::path& path) {
  const std::string prefix = "." + path.filename().string() + std::string(kPartial);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(path), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const int process = std::atoi(name.c_str() + prefix.size());
    if (process > 0 && process != ::getpid() && ::kill(process, 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

void sync_tree(const fs::path& root) {
  for (const auto& entry : fs::recursive_directory_iterator(root)) sync_path(entry.path());
  sync_path(root);
}

// Puts `from` in the place of the existing `to`, at one moment where the file system can.
void replace_directory(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) fail(to, "cannot replace");
  const fs::path aside = from.string() + ".old";
  fs::rename(to, aside);
  fs::rename(from, to);
  fs::rename(aside, from);
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw InputError(path.string(), "", "no such file");
  if (fs::is_directory(status)) throw InputError(path.string(), "", "is a directory, not a file");
  const std::uintmax_t size = fs::is_regular_file(status) ? fs::file_size(path, error) : 0;
  return FileHandle(path, O_RDONLY, path).read(error ? 0 : static_cast<std::size_t>(size));
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path, content.size());
  file.write(content);
  file.commit();
}

AtomicFile::AtomicFile(const fs::path& path, std::uint64_t bytes)
    : path_(path),
      partial_(partial_name(path)),
      half_(bytes / 2),
      descriptor_(FileHandle(partial_, O_WRONLY | O_CREAT | O_TRUNC, path).release()) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!renamed_) ::unlink(partial_.c_str());
}

void AtomicFile::write(std::string_view content) {
  if (!past_half_ && written_ + content.size() >= half_) {
    const auto first = static_cast<std::size_t>(half_ - written_);
    write_all(descriptor_, content.substr(0, first), path_);
    past_half_ = true;
    failpoint("file.middle", path_.native());
    write_all(descriptor_, content.substr(first), path_);
  } else {
    write_all(descriptor_, content, path_);
  }
  written_ += content.size();
}

void AtomicFile::commit() {
  failpoint("file.before_sync", path_.native());
  FileHandle file(std::exchange(descriptor_, -1), path_);
  file.sync();
  file.close();
  failpoint("file.before_rename", path_.native());
  if (::rename(partial_.c_str(), path_.c_str()) != 0) fail(path_, "cannot rename into place");
  renamed_ = true;
  failpoint("file.after_rename", path_.native());
  sync_path(folder_of(path_));
}

AtomicDirectory::AtomicDirectory(fs::path path) : path_(std::move(path)) {
  if (path_.filename().empty()) path_ = path_.parent_path();
  working_ = partial_name(path_);
  std::error_code error;
  fs::create_directories(folder_of(path_), error);
  remove_abandoned(path_);
  fs::remove_all(working_, error);
  fs::create_directory(working_, error);
  if (error) fail(working_, "cannot make the directory", error.value());
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(working_, ignored);
}

void AtomicDirectory::commit() {
  failpoint("directory.before_sync", path_.native());
  sync_tree(working_);
  failpoint("directory.before_rename", path_.native());
  if (fs::exists(path_)) {
    replace_directory(working_, path_);
  } else if (::rename(working_.c_str(), path_.c_str()) != 0) {
    fail(path_, "cannot rename into place");
  }
  committed_ = true;
  failpoint("directory.after_rename", path_.native());
  sync_path(folder_of(path_));
  std::error_code ignored;
  fs::remove_all(working_, ignored);
}

void sync_path(const fs::path& path) { FileHandle(path, O_RDONLY, path).sync(); }

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

namespace {

std::string hex_digits(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

std::string hash64_hex(std::string_view bytes) { return hex_digits(hash64(bytes)); }

std::string file_hash_hex(const fs::path& path) {
  constexpr std::size_t kBlock = 1 << 20;
  FileHandle file(path, O_RDONLY, path);
  std::vector<char> block(kBlock);
  XXH3_state_t state;
  XXH3_64bits_reset_withSeed(&state, 0);
  while (const std::size_t got = file.read_some(block)) XXH3_64bits_update(&state, block.data(), got);
  return hex_digits(XXH3_64bits_digest(&state));
}

}  // namespace palimpsest
