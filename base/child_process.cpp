#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr std::size_t kBlock = 64 << 10;

class FileActions {
 public:
  explicit FileActions(const ChildStreams& streams) {
    posix_spawn_file_actions_init(&actions_);
    if (streams.input < 0) open_null(STDIN_FILENO, O_RDONLY);
    if (streams.input >= 0) posix_spawn_file_actions_adddup2(&actions_, streams.input, STDIN_FILENO);
    if (streams.output < 0) open_null(STDOUT_FILENO, O_WRONLY);
    if (streams.output >= 0) posix_spawn_file_actions_adddup2(&actions_, streams.output, STDOUT_FILENO);
    if (!streams.errors) open_null(STDERR_FILENO, O_WRONLY);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void open_null(int stream, int mode) { posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", mode, 0); }
  posix_spawn_file_actions_t actions_;
};

// Ctrl-C then reaches this program alone, which waits: what the child is making becomes whole.
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

// What a pipe holds, at most a block; "" at its end.
std::string read_some(int descriptor) {
  std::string block(kBlock, '\0');
  ssize_t got = 0;
  do {
    got = ::read(descriptor, block.data(), block.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw IoError("pipe", "", std::strerror(errno));
  block.resize(static_cast<std::size_t>(got));
  return block;
}

void check_ended_well(const std::string& program, int status) {
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (code != 0) throw IoError(program, "", "ended with status " + std::to_string(code));
}

}  // namespace

pid_t start_program(const std::vector<std::string>& arguments, const ChildStreams& streams) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const FileActions actions(streams);
  const OwnGroup group;
  pid_t child = 0;
  const int failure = posix_spawnp(&child, pointers[0], actions.get(), group.get(), pointers.data(), environ);
  if (failure != 0) throw IoError(arguments[0], "", std::string("cannot be started: ") + std::strerror(failure));
  return child;
}

int wait_for_program(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

void run_program(const std::vector<std::string>& arguments) {
  check_ended_well(arguments[0], wait_for_program(start_program(arguments)));
}

std::string program_output(const std::vector<std::string>& arguments) {
  Pipe pipe;
  const pid_t child = start_program(arguments, {pipe.writing(), true});
  pipe.close_writing();
  std::string text = pipe.read_all();
  check_ended_well(arguments[0], wait_for_program(child));
  return text;
}

std::filesystem::path find_program(const std::string& name) {
  const auto runs = [](const std::filesystem::path& file) {
    return ::access(file.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(file);
  };
  if (name.find('/') != std::string::npos) return runs(name) ? name : "";
  const char* paths = ::getenv("PATH");
  std::istringstream folders(paths ? paths : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate = std::filesystem::path(folder) / name;
    if (runs(candidate)) return candidate;
  }
  return {};
}

Pipe::Pipe() {
  if (::pipe2(ends_, O_CLOEXEC) != 0) throw IoError("pipe", "", std::strerror(errno));
}

Pipe::~Pipe() {
  ::close(ends_[0]);
  close_writing();
}

void Pipe::close_writing() {
  if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
}

std::string Pipe::read_all() const {
  std::string text;
  for (std::string block = read_some(ends_[0]); !block.empty(); block = read_some(ends_[0])) text += block;
  return text;
}

ProgramReader::ProgramReader(std::vector<std::string> arguments, double stall_seconds, int input)
    : name_(arguments.at(0)),
      stall_seconds_(stall_seconds),
      child_(start_program(arguments, {pipe_.writing(), false, input})) {
  pipe_.close_writing();
}

ProgramReader::~ProgramReader() { finish(); }

std::string ProgramReader::read(std::size_t count) {
  std::string bytes;
  while (bytes.size() < count) {
    if (used_ == block_.size()) {
      pollfd waiting{pipe_.reading(), POLLIN, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(stall_seconds_ * 1000));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) throw IoError(name_, "", "said nothing for " + std::to_string(stall_seconds_) + " seconds");
      block_ = read_some(pipe_.reading());
      used_ = 0;
      ended_ = block_.empty();
      if (ended_) break;
    }
    const std::size_t part = std::min(count - bytes.size(), block_.size() - used_);
    bytes.append(block_, used_, part);
    used_ += part;
  }
  return bytes;
}

int ProgramReader::finish() {
  if (child_ == 0) return 0;
  const pid_t child = std::exchange(child_, 0);
  if (!ended_) ::kill(child, SIGKILL);
  return wait_for_program(child);
}

// A pair of sockets and no pipe: writing to one whose reader is gone can be told not to raise a signal.
ProgramDialogue::ProgramDialogue(std::vector<std::string> arguments, double stall_seconds) : name_(arguments.at(0)) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw IoError("socketpair", "", std::strerror(errno));
  writing_ = ends[0];
  const auto whole = static_cast<time_t>(stall_seconds);
  const timeval stall{whole, static_cast<suseconds_t>((stall_seconds - static_cast<double>(whole)) * 1e6)};
  ::setsockopt(writing_, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
  try {
    reader_ = std::make_unique<ProgramReader>(std::move(arguments), stall_seconds, ends[1]);
  } catch (...) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
}

ProgramDialogue::~ProgramDialogue() { ::close(writing_); }

void ProgramDialogue::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(writing_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw IoError(name_, "", std::string("cannot be written to: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void bound_own_process(std::size_t megabytes) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t bound = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (megabytes << 20);
  const rlimit memory{bound, bound}, nothing{0, 0};
  ::setrlimit(RLIMIT_AS, &memory);
  ::setrlimit(RLIMIT_CORE, &nothing);
  ::setrlimit(RLIMIT_FSIZE, &nothing);
  ::signal(SIGPIPE, SIG_DFL);
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
