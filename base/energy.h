// What processor and GPUs have drawn, where the machine tells: Linux's powercap (RAPL) and NVML.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/gpu_energy.h"

namespace palimpsest {

class EnergyMeter {
 public:
  // Counters of whole packages below `root`; those that may not be read are left out.
  explicit EnergyMeter(const std::filesystem::path& root = "/sys/class/powercap", GpuEnergy gpus = {});

  // Joules of all packages and GPUs since the meter was made; nothing where the machine tells none. Counters that begin
  // anew are followed as long as this is asked for more often than they do (minutes).
  std::optional<double> joules();
  // Those of the GPUs among them.
  std::optional<double> gpu_joules() { return gpus_.joules(); }

 private:
  struct Package {
    std::filesystem::path counter;
    std::int64_t range = 0, last = 0;  // microjoules
  };
  std::vector<Package> packages_;
  GpuEnergy gpus_;
  double joules_ = 0;  // of the packages
};

// "12.5 Wh", "12.5 Wh, 9 Wh of it by the GPU", and with a price of a kWh "12.5 Wh (0.00375 at 0.3 a kWh)"; from 1000 Wh
// on in kWh.
std::string energy_text(double joules, std::optional<double> gpu_joules, double price_of_kwh);

}  // namespace palimpsest
