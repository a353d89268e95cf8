// Work done in a child process that is killed, for tests of what it leaves behind.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/support/scratch.h"

namespace palimpsest {

// Starts the action in a child; it ends with 0, or with 1 when the action throws.
template <class Action>
pid_t start_child(Action&& action) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    action();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

// How the child ended, as waitpid tells it.
inline int status_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

inline bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

// Runs an action in a child with a failpoint armed; true when it was killed.
template <class Action>
bool killed_at(const std::string& failpoint_name, Action&& action) {
  return was_killed(status_of(start_child([&] {
    ::setenv("PALIMPSEST_FAILPOINT", failpoint_name.c_str(), 1);
    action();
  })));
}

// What PALIMPSEST_FAILPOINT_LOG holds: every failpoint that was passed, in order, as NAME:COUNT.
inline std::vector<std::string> read_failpoints(const std::filesystem::path& log) {
  std::map<std::string, int> counts;
  std::vector<std::string> points;
  std::ifstream lines(log);
  for (std::string name; std::getline(lines, name);) points.push_back(name + ":" + std::to_string(++counts[name]));
  return points;
}

// Every failpoint that an action passes, which runs in a child.
template <class Action>
std::vector<std::string> failpoints_of(Action&& action) {
  const ScratchFolder folder;
  const int status = status_of(start_child([&] {
    ::setenv("PALIMPSEST_FAILPOINT_LOG", (folder / "log").c_str(), 1);
    action();
  }));
  return status == 0 ? read_failpoints(folder / "log") : std::vector<std::string>{};
}

// Runs an action in a child and kills it after so many microseconds; true when it had not ended by itself.
template <class Action>
bool killed_after(std::int64_t microseconds, Action&& action) {
  const pid_t child = start_child(action);
  ::usleep(static_cast<useconds_t>(microseconds));
  ::kill(child, SIGKILL);
  return was_killed(status_of(child));
}

}  // namespace palimpsest
