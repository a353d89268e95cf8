// The Python reference, run as a process of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "experiments/cli/bench_preset.h"

namespace palimpsest {

struct PeerRun {
  std::string preset, dtype;  // dtype: fp32 or bf16
  std::int64_t threads = 1, steps = 10, warmup = 3, seed = 0;
  bool compiled = false;  // torch.compile of the trunk
};

struct PeerFigures {
  double tokens_per_second = 0;
  std::int64_t peak_bytes = 0;  // resident set, Python and torch included
};

class PythonPeer {
 public:
  // Finds the interpreter that './run bench' sets up, and the reference's script. InputError when either is missing.
  PythonPeer();

  // Measures one training step: the logits of masked positions only, freed memory kept. IoError when the reference
  // fails (it says why on stderr).
  PeerFigures run(const PeerRun& run) const;

 private:
  std::filesystem::path python_, script_;
};

// Command line of a run, after the interpreter.
std::vector<std::string> peer_arguments(const PeerRun& run);

// The row that the reference prints with --json. InputError when it is none.
PeerFigures parse_peer_row(const std::string& text);

}  // namespace palimpsest
