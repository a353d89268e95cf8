// What tells a file from another of the same name without reading it whole: its size and the content of its two ends.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace palimpsest {

inline constexpr std::uintmax_t kEndOfArchive = 1 << 20, kEndOfMember = 4 << 10;  // bytes of each end

// "12345 bytes, 0123456789abcdef". IoError when the file cannot be read.
std::string identity_of_file(const std::filesystem::path& path, std::uintmax_t end = kEndOfArchive);

// "3 files, 0123456789abcdef": of each its place below `folder` (without one, its name) and its identity; `more` counts
// too.
std::string identity_of_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder = "",
                              const std::string& more = "");

}  // namespace palimpsest
