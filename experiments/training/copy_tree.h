// Copies what lies in a folder, at any depth: regular files, each flushed to the disk.
#pragma once

#include <filesystem>

namespace palimpsest {

// `to` is made when it is not there; none of the files may be there already. filesystem_error or IoError on failure.
void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace palimpsest
