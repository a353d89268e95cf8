#include "experiments/evaluation/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "base/errors.h"
#include "base/own_group.h"

namespace palimpsest {

namespace {

// The child's standard streams: closed to the outside unless said otherwise.
class ChildStreams {
 public:
  ChildStreams() {
    posix_spawn_file_actions_init(&actions_);
    open_null(STDIN_FILENO, O_RDONLY);
  }
  ~ChildStreams() { posix_spawn_file_actions_destroy(&actions_); }
  ChildStreams(const ChildStreams&) = delete;
  ChildStreams& operator=(const ChildStreams&) = delete;

  void silence(int stream) { open_null(stream, O_WRONLY); }
  void redirect(int stream, int target) { posix_spawn_file_actions_adddup2(&actions_, target, stream); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void open_null(int stream, int mode) { posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", mode, 0); }
  posix_spawn_file_actions_t actions_;
};

// Both ends are closed in every program that is started.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw IoError("pipe", "", std::strerror(errno));
  }
  ~Pipe() {
    ::close(ends_[0]);
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int writing() const { return ends_[1]; }
  void close_writing() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  // All that is written until every writer is gone.
  std::string read_all() const {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t got = ::read(ends_[0], buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw IoError("pipe", "", std::strerror(errno));
      if (got == 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

pid_t start_program(const std::vector<std::string>& arguments, const ChildStreams& streams) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t child = 0;
  const OwnGroup group;
  const int failure = posix_spawnp(&child, pointers[0], streams.get(), group.get(), pointers.data(), environ);
  if (failure != 0) throw IoError(arguments[0], "", std::string("cannot be started: ") + std::strerror(failure));
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void check_code(const std::string& program, int code) {
  if (code != 0) throw IoError(program, "", "ended with status " + std::to_string(code));
}

}  // namespace

void run_program(const std::vector<std::string>& arguments) {
  ChildStreams streams;
  streams.silence(STDOUT_FILENO);
  streams.silence(STDERR_FILENO);
  check_code(arguments[0], wait_for(start_program(arguments, streams)));
}

std::string program_output(const std::vector<std::string>& arguments) {
  Pipe pipe;
  ChildStreams streams;
  streams.redirect(STDOUT_FILENO, pipe.writing());
  const pid_t child = start_program(arguments, streams);
  pipe.close_writing();
  std::string text = pipe.read_all();
  check_code(arguments[0], wait_for(child));
  return text;
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
