#include "experiments/evaluation/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <sstream>

#include "base/errors.h"

namespace palimpsest {

namespace {

// The child's standard streams, closed to the outside.
class QuietStreams {
 public:
  QuietStreams() {
    posix_spawn_file_actions_init(&actions_);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", stream == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
    }
  }
  ~QuietStreams() { posix_spawn_file_actions_destroy(&actions_); }
  QuietStreams(const QuietStreams&) = delete;
  QuietStreams& operator=(const QuietStreams&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// A process group of its own: Ctrl-C is for this program, which stops when the child is done.
class OwnGroup {
 public:
  OwnGroup() {
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
  }
  ~OwnGroup() { posix_spawnattr_destroy(&attributes_); }
  OwnGroup(const OwnGroup&) = delete;
  OwnGroup& operator=(const OwnGroup&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

void run_program(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const QuietStreams streams;
  const OwnGroup group;
  pid_t child = 0;
  const int failure = posix_spawnp(&child, pointers[0], streams.get(), group.get(), pointers.data(), environ);
  if (failure != 0) throw IoError(arguments[0], "", std::string("cannot be started: ") + std::strerror(failure));
  const int code = wait_for(child);
  if (code != 0) throw IoError(arguments[0], "", "ended with status " + std::to_string(code));
}

std::filesystem::path find_program(const std::string& name) {
  const char* paths = ::getenv("PATH");
  std::istringstream folders(paths ? paths : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate = std::filesystem::path(folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate)) return candidate;
  }
  return {};
}

ScratchDirectory::ScratchDirectory(const std::string& purpose) {
  std::string pattern = (std::filesystem::temp_directory_path() / ("palimpsest-" + purpose + "-XXXXXX")).string();
  if (!::mkdtemp(pattern.data())) throw IoError(pattern, "", std::string("cannot be made: ") + std::strerror(errno));
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace palimpsest
