// palimpsest bench: how fast, beside what.
#include "experiments/cli/bench.h"

#include "experiments/cli/commands.h"

namespace palimpsest {

void add_bench_command(CLI::App& program) {
  CLI::App* bench = program.add_subcommand(
      "bench", "speed of training, kernels, sampling and loading beside references, generating, starting, reading");
  bench->footer(
      "Examples:\n"
      "  palimpsest bench train --preset tiny --json\n"
      "  palimpsest bench kernels --preset small\n"
      "  palimpsest bench sample --json\n"
      "  palimpsest bench load --json\n"
      "  palimpsest bench generate checkpoints/emoji\n"
      "  palimpsest bench start\n"
      "  palimpsest bench tar shards/train-000.tar");
  bench->require_subcommand(1);
  add_bench_train(*bench);
  add_bench_kernels(*bench);
  add_bench_sample(*bench);
  add_bench_load(*bench);
  add_bench_generate(*bench);
  add_bench_start(*bench);
  add_bench_tar(*bench);
}

}  // namespace palimpsest
