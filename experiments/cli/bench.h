// The parts of 'palimpsest bench': each adds its own subcommand with options and example.
#pragma once

#include <CLI/CLI.hpp>

namespace palimpsest {

// Training steps a second beside the Python reference.
void add_bench_train(CLI::App& bench);

// Seconds to make pictures with a checkpoint.
void add_bench_generate(CLI::App& bench);

// Seconds until the program has started.
void add_bench_start(CLI::App& bench);

}  // namespace palimpsest
