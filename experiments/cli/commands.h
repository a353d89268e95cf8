// The program's commands. Each add_* declares one subcommand with its options, an example, and what it runs; failures
// leave it as InputError (exit 2), IoError or any other exception (exit 1), Interrupted (exit 130).
#pragma once

#include <CLI/CLI.hpp>

#include "base/command_line.h"
#include "base/machine.h"

namespace palimpsest {

void add_prepare_command(CLI::App& program);
void add_train_command(CLI::App& program);
void add_generate_command(CLI::App& program);
void add_evaluate_command(CLI::App& program);
void add_encode_command(CLI::App& program);
void add_decode_command(CLI::App& program);
void add_inspect_command(CLI::App& program);
void add_bench_command(CLI::App& program);
void add_doctor_command(CLI::App& program);

// How a command is declared (the options live as long as the program):
//   void add_doctor_command(CLI::App& program) {
//     auto options = std::make_shared<DoctorOptions>();
//     CLI::App* command = program.add_subcommand("doctor", "check this machine")->footer("Example:\n  palimpsest
//     doctor"); add_options(*command, *options); command->callback([options] { run_doctor(*options); });
//   }
// Results go to stdout; talk and progress to stderr. MachineOptions (--device --dtype --threads --seed) are added by
// each command that computes.

}  // namespace palimpsest
