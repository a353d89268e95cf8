// The program, run as a person runs it.
#pragma once

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "tests/support/scratch.h"

namespace palimpsest::test {

struct Outcome {
  int code = -1;
  std::string out, err;
};

// Runs `palimpsest ARGUMENTS` inside the scratch folder, with one thread; `environment` is NAME=VALUE ...
inline Outcome run_palimpsest(const ScratchFolder& scratch, const std::string& arguments,
                              const std::string& environment = "") {
  const std::string command = "cd '" + scratch.path().string() + "' && OMP_NUM_THREADS=1 " + environment + " '" +
                              PALIMPSEST_PROGRAM + "' " + arguments + " 2>err.txt";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  Outcome outcome;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) {
    outcome.out.append(buffer.data(), got);
  }
  const int status = pclose(pipe.release());
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.err = scratch.read("err.txt");
  return outcome;
}

}  // namespace palimpsest::test
