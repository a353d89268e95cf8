// Files of many samples, read one after another.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/errors.h"
#include "datasets/sources/members.h"

namespace palimpsest {

// `File` is one that is being read, with all that is known of it alone.
template <class File>
class FilesInARow {
 public:
  using Opener = std::function<std::unique_ptr<File>(const std::filesystem::path& path)>;

  // Where damaged files stop the reading, what is wrong with the first is told before work begins.
  FilesInARow(std::vector<std::filesystem::path> paths, Opener open, DamagedFile damaged = DamagedFile::kStop)
      : paths_(std::move(paths)), open_(std::move(open)), damaged_(damaged) {
    if (damaged_ == DamagedFile::kStop && !paths_.empty()) open_next();
  }

  // What `next_of` gives of the file at hand or, when that is at its end (nullopt), of the next. An InputError of a
  // file is thrown, or told as the members of a sample that has the file's name, where the request wants it.
  template <class Next>
  std::optional<Members> next(const MemberRequest& request, const Next& next_of) {
    while (file_ || opened_ < paths_.size()) {
      try {
        if (!file_) open_next();
        if (std::optional<Members> members = next_of(*file_)) return members;
        file_.reset();
      } catch (const InputError& error) {
        file_.reset();
        if (damaged_ == DamagedFile::kStop) throw;
        const std::string key = paths_[opened_ - 1].filename().string();
        if (request.wants_key(key)) return Members{.key = key, .error = error.what()};
      }
    }
    return std::nullopt;
  }

 private:
  void open_next() {
    const std::filesystem::path& path = paths_[opened_++];
    file_ = open_(path);
  }

  std::vector<std::filesystem::path> paths_;
  Opener open_;
  DamagedFile damaged_;
  std::size_t opened_ = 0;
  std::unique_ptr<File> file_;  // null before the first, between two and after the last
};

}  // namespace palimpsest
