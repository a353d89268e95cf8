// palimpsest: the command line.
#include <iostream>

#include "base/distributed.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "base/machine.h"
#include "datasets/sources/archive.h"
#include "datasets/sources/hdf5_rows.h"
#include "experiments/cli/commands.h"
#include "modalities/media/apart.h"

namespace {

// First words by which this program calls itself.
constexpr std::pair<std::string_view, int (*)(const std::vector<std::string>&)> kServices[] = {
    {palimpsest::kReadArchives, palimpsest::serve_archives},
    {palimpsest::kReadHdf5, palimpsest::serve_hdf5_rows},
    {palimpsest::kDecodeApart, palimpsest::serve_decoding}};

constexpr int kDone = 0, kFailed = 1, kWrongInput = 2, kInterrupted = 130;

int run(int argc, char** argv) {
  CLI::App program{"Palimpsest: one bidirectional network that rewrites text, pictures and sound together",
                   "palimpsest"};
  program.set_version_flag("--version", PALIMPSEST_VERSION);
  program.require_subcommand(1);
  palimpsest::add_prepare_command(program);
  palimpsest::add_train_command(program);
  palimpsest::add_generate_command(program);
  palimpsest::add_evaluate_command(program);
  palimpsest::add_encode_command(program);
  palimpsest::add_decode_command(program);
  palimpsest::add_inspect_command(program);
  palimpsest::add_bench_command(program);
  palimpsest::add_doctor_command(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kDone : kWrongInput;
  }
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (const auto& [word, serve] : kServices) {
    if (!arguments.empty() && arguments.front() == word) return serve({arguments.begin() + 1, arguments.end()});
  }
  palimpsest::prepare_process();
  try {
    return run(argc, argv);
  } catch (const palimpsest::InputError& error) {
    std::cerr << "palimpsest: " << error.what() << "\n";
    return kWrongInput;
  } catch (const palimpsest::SaidElsewhere& other) {
    return other.exit_code();
  } catch (const palimpsest::Interrupted&) {
    std::cerr << "palimpsest: interrupted\n";
    return kInterrupted;
  } catch (const std::exception& error) {
    std::cerr << "palimpsest: " << error.what() << "\n";
    return kFailed;
  }
}
