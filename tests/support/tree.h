// Everything in a folder, to be compared with what it was or with another.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace palimpsest {

// Content of every file below the folder, by its path from there; hidden files too.
inline std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ostringstream content;
    content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[entry.path().lexically_relative(folder).generic_string()] = content.str();
  }
  return files;
}

// Names of the files that only one of two folders has, or that differ; "" when there are none.
inline std::string differences(const std::map<std::string, std::string>& one,
                               const std::map<std::string, std::string>& other) {
  std::string names;
  for (const auto& [name, content] : one) {
    const auto found = other.find(name);
    if (found == other.end() || found->second != content) names += name + " ";
  }
  for (const auto& [name, content] : other) {
    if (!one.contains(name)) names += name + " ";
  }
  return names;
}

}  // namespace palimpsest
