// Shell commands as a person gives them, in a folder of their own.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/support/scratch.h"

namespace palimpsest {

// How a command ends that a failpoint or SIGKILL ended.
inline constexpr int kKilled = 128 + SIGKILL;

// What came of a command: its exit code (128 + signal when one ended it) and what it said.
struct CommandOutcome {
  int code = 0;
  std::string out, err;
};

// Starts a command line in the folder, with out.txt and err.txt there, and returns its process id.
inline pid_t start_command(const ScratchFolder& folder, const std::string& command) {
  const std::string line =
      "cd '" + folder.path().string() + "' && export OMP_NUM_THREADS=1 && exec env " + command + " >out.txt 2>err.txt";
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    _exit(127);
  }
  return child;
}

inline CommandOutcome finish_command(const ScratchFolder& folder, pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return {code, folder.read("out.txt"), folder.read("err.txt")};
}

inline CommandOutcome run_command(const ScratchFolder& folder, const std::string& command) {
  return finish_command(folder, start_command(folder, command));
}

// `palimpsest ARGUMENTS` as a command line; `environment` is NAME=VALUE ...
inline std::string palimpsest_command(const std::string& arguments, const std::string& environment = "") {
  return environment + " '" + PALIMPSEST_PROGRAM + "' " + arguments;
}

inline CommandOutcome run_palimpsest(const ScratchFolder& folder, const std::string& arguments,
                                     const std::string& environment = "") {
  return run_command(folder, palimpsest_command(arguments, environment));
}

}  // namespace palimpsest
