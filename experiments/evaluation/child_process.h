// A program of the system, run without a shell.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace palimpsest {

// Runs arguments[0], found on PATH, with its output thrown away, and waits. IoError naming the program when it cannot
// be started or does not exit with 0.
void run_program(const std::vector<std::string>& arguments);

// The same, returning what it wrote to stdout; what it says on stderr is heard.
std::string program_output(const std::vector<std::string>& arguments);

// Where a program lies on PATH, or an empty path.
std::filesystem::path find_program(const std::string& name);

// A fresh directory under the system's temporary one, removed with everything in it by the destructor.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& purpose);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace palimpsest
