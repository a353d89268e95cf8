// What the processor has drawn, where the machine tells (Linux's powercap, RAPL).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace palimpsest {

class EnergyMeter {
 public:
  // Counters of whole packages below `root`; those that may not be read are left out.
  explicit EnergyMeter(const std::filesystem::path& root = "/sys/class/powercap");

  // Joules of all packages since the meter was made; nothing where the machine tells none. Counters that begin anew are
  // followed as long as this is asked for more often than they do (minutes).
  std::optional<double> joules();

 private:
  struct Package {
    std::filesystem::path counter;
    std::int64_t range = 0, last = 0;  // microjoules
  };
  std::vector<Package> packages_;
  double joules_ = 0;
};

// "12.5 Wh", and with a price of a kWh "12.5 Wh (0.00375 at 0.3 a kWh)"; from 1000 Wh on in kWh.
std::string energy_text(double joules, double price_of_kwh);

}  // namespace palimpsest
