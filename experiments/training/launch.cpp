#include "experiments/training/launch.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
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

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 1; }

}  // namespace

bool is_started_rank() { return std::getenv("RANK") != nullptr; }

int run_processes(std::int64_t count) {
  catch_interrupts();
  const std::vector<std::string> arguments = own_arguments();
  const int port = find_port();
  std::vector<pid_t> running;
  for (std::int64_t rank = 0; rank < count; ++rank) {
    const pid_t child = ::fork();
    if (child == 0) become_rank(rank, count, port, arguments);
    if (child < 0) throw IoError("processes", "", "cannot start another one");
    running.push_back(child);
  }
  int code = 0;
  bool told = false;
  while (!running.empty()) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (interrupted() && !std::exchange(told, true)) {
      for (const pid_t child : running) ::kill(child, SIGTERM);
    }
    if (ended > 0) {
      std::erase(running, ended);
      if (code == 0) code = code_of(status);
      continue;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return code;
}

}  // namespace palimpsest
