#include "experiments/training/copy_tree.h"

#include "base/files.h"

namespace palimpsest {

namespace fs = std::filesystem;

void copy_tree(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (!entry.is_regular_file()) continue;
    const fs::path target = to / entry.path().lexically_relative(from);
    fs::create_directories(target.parent_path());
    fs::copy_file(entry.path(), target);
    sync_path(target);
  }
}

}  // namespace palimpsest
