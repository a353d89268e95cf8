// The parts of 'palimpsest bench': each adds its own subcommand with options and example.
#pragma once

#include <CLI/CLI.hpp>

namespace palimpsest {

// Training steps a second beside the Python reference.
void add_bench_train(CLI::App& bench);

// Each fused kernel, forward and backward, beside its plain twin.
void add_bench_kernels(CLI::App& bench);

// Sampler steps of a network with random weights, and how much of them is the network's, beside the Python references.
void add_bench_sample(CLI::App& bench);

// Seconds to make pictures with a checkpoint.
void add_bench_generate(CLI::App& bench);

// Samples, rows and tokens a second that loading gives, and how long a step waits, beside webdataset and h5py.
void add_bench_load(CLI::App& bench);

// Seconds until the program has started.
void add_bench_start(CLI::App& bench);

// Reading tars beside `cat`.
void add_bench_tar(CLI::App& bench);

}  // namespace palimpsest
