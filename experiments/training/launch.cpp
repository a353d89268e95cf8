#include "experiments/training/launch.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "base/interrupt.h"

namespace palimpsest {

namespace {

std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    arguments.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return arguments;
}

// A port that was free a moment ago.
int find_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool found = ::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(socket);
  if (!found) throw IoError("network", "", "no port on the loopback interface");
  return ntohs(address.sin_port);
}

[[noreturn]] void become_rank(std::int64_t rank, std::int64_t count, int port, std::vector<std::string> arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // whoever ends this group ends all of it
  const auto set = [](const char* name, std::int64_t value) { ::setenv(name, std::to_string(value).c_str(), 1); };
  set("RANK", rank);
  set("LOCAL_RANK", rank);
  set("WORLD_SIZE", count);
  set("MASTER_PORT", port);
  ::setenv("MASTER_ADDR", "127.0.0.1", 1);
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  ::setenv("OMP_NUM_THREADS", std::to_string(std::max<std::int64_t>(1, cores / count)).c_str(), 0);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv("/proc/self/exe", pointers.data());
  ::_exit(127);
}

constexpr int kInterruptedCode = 130;

// How long the others have to notice when one of them has failed. Those that are stopped never will.
constexpr std::chrono::seconds kGrace{30};

// What became of the processes that are looked after here.
struct LaunchedGroup {
  std::vector<pid_t> running;
  std::set<pid_t> stopped;
  int code = 0;  // of the first that failed
  std::optional<std::chrono::steady_clock::time_point> failed;

  void send(int signal) const {
    for (const pid_t child : running) ::kill(child, signal);
  }
  void note(pid_t child, int status);
  bool is_lost() const {
    if (!failed) return false;
    return stopped.size() == running.size() || std::chrono::steady_clock::now() > *failed + kGrace;
  }
};

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 1; }

void LaunchedGroup::note(pid_t child, int status) {
  stopped.erase(child);
  if (WIFSTOPPED(status)) stopped.insert(child);
  if (WIFSTOPPED(status) || WIFCONTINUED(status)) return;
  std::erase(running, child);
  if (code == 0) code = code_of(status);
  if (!failed && code != 0 && code != kInterruptedCode) failed = std::chrono::steady_clock::now();
}

}  // namespace

bool is_started_rank() { return std::getenv("RANK") != nullptr; }

int run_processes(std::int64_t count) {
  catch_interrupts();
  const std::vector<std::string> arguments = own_arguments();
  const int port = find_port();
  LaunchedGroup group;
  for (std::int64_t rank = 0; rank < count; ++rank) {
    const pid_t child = ::fork();
    if (child == 0) become_rank(rank, count, port, arguments);
    if (child < 0) throw IoError("processes", "", "cannot start another one");
    group.running.push_back(child);
  }
  bool told = false;
  while (!group.running.empty()) {
    int status = 0;
    const pid_t child = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED);
    if (interrupted() && !std::exchange(told, true)) group.send(SIGTERM);
    if (child > 0) {
      group.note(child, status);
      continue;
    }
    if (group.is_lost()) group.send(SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return group.code;
}

}  // namespace palimpsest
