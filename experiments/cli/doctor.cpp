// palimpsest doctor: is everything here that the other commands need?
#include <iomanip>
#include <iostream>

#include "experiments/cli/commands.h"
#include "experiments/cli/machine_report.h"

namespace palimpsest {

namespace {

struct DoctorOptions {
  bool json = false;
  std::int64_t threads = 0;
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("json", self.json, "one JSON object on stdout");
    visitor("threads", self.threads, "CPU threads of the matrix products, 0 for one a core");
  }
};

void print_json(const std::vector<MachineRow>& rows) {
  nlohmann::ordered_json object;
  for (const MachineRow& row : rows) object[row.name + (row.unit.empty() ? "" : " (" + row.unit + ")")] = row.value;
  std::cout << object.dump(2) << "\n";
}

std::string spelled_out(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void print_table(const std::vector<MachineRow>& rows) {
  std::size_t missing = 0;
  for (const MachineRow& row : rows) {
    missing += row.verdict == Verdict::kMissing;
    std::cout << std::left << std::setw(20) << row.name << spelled_out(row.value) << (row.unit.empty() ? "" : " ")
              << row.unit << (row.note.empty() ? "" : "   (" + row.note + ")") << "\n";
  }
  std::cout << (missing == 0 ? "nothing is missing" : "missing: " + std::to_string(missing)) << "\n";
}

void run_doctor(const DoctorOptions& options) {
  MachineOptions machine;
  machine.device = "cpu";
  machine.dtype = ComputeType::kFp32;
  machine.threads = options.threads;
  resolve_machine(machine);
  const std::vector<MachineRow> rows = report_machine();
  options.json ? print_json(rows) : print_table(rows);
}

}  // namespace

void add_doctor_command(CLI::App& program) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = program.add_subcommand("doctor", "what this machine has and can do")
                          ->footer("Example:\n  palimpsest doctor --json");
  add_options(*command, *options);
  command->callback([options] { run_doctor(*options); });
}

}  // namespace palimpsest
