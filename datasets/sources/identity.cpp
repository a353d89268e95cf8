#include "datasets/sources/identity.h"

#include <fstream>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

std::string identity_of_file(const std::filesystem::path& path, std::uintmax_t end) {
  const std::uintmax_t size = std::filesystem::file_size(path);
  std::ifstream file(path, std::ios::binary);
  std::string ends(static_cast<std::size_t>(std::min(size, 2 * end)), '\0');
  const auto half = static_cast<std::streamsize>(ends.size() / 2),
             rest = static_cast<std::streamsize>(ends.size()) - half;
  file.read(ends.data(), half);
  file.seekg(-rest, std::ios::end);
  file.read(ends.data() + half, rest);
  if (!file) throw IoError(path.string(), "", "cannot be read");
  return std::to_string(size) + " bytes, " + hash64_hex(ends);
}

std::string identity_of_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder,
                              const std::string& more) {
  if (files.size() == 1 && folder.empty() && more.empty()) return identity_of_file(files.front());
  std::string list;
  for (const std::filesystem::path& file : files) {
    const std::filesystem::path name = folder.empty() ? file.filename() : file.lexically_relative(folder);
    list += name.generic_string() + " " + identity_of_file(file, kEndOfMember) + "\n";
  }
  return std::to_string(files.size()) + " files, " + hash64_hex(list + more);
}

}  // namespace palimpsest
