// The Python references, each run as a process of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/cli/bench_preset.h"

namespace palimpsest {

struct PeerRun {
  BenchPreset preset;
  std::string dtype;  // fp32 or bf16
  std::int64_t threads = 1, steps = 10, warmup = 3, seed = 0;
  bool compiled = false;  // torch.compile of the trunk
  bool all_rows = false;  // the head at every position, not at the masked ones alone
};

struct PeerFigures {
  double tokens_per_second = 0;
  std::int64_t peak_bytes = 0;  // resident set, Python and torch included
};

// One row of a reference's table, as it prints it with --json.
using PeerRow = nlohmann::json;

class PythonPeer {
 public:
  // Finds the interpreter that './run bench' sets up, and a script under tests/bench/peers. InputError when either is
  // missing.
  explicit PythonPeer(const std::string& script);

  // What the script prints with --json and these arguments, row by row. IoError when it fails (it says why on stderr);
  // InputError when it prints no rows.
  std::vector<PeerRow> rows(const std::vector<std::string>& arguments) const;

  // Measures one training step with train_step.py, freed memory kept.
  PeerFigures train(const PeerRun& run) const;

 private:
  std::filesystem::path python_, script_;
};

// Arguments of a run of train_step.py.
std::vector<std::string> peer_arguments(const PeerRun& run);

// The rows among the lines that a reference prints with --json: comments come between. InputError when there are none.
std::vector<PeerRow> parse_peer_rows(const std::string& text);

// A figure of a row. InputError when it is not there.
double peer_figure(const PeerRow& row, const std::string& name);

}  // namespace palimpsest
