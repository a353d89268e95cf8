#include "base/energy.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <sstream>

namespace palimpsest {

namespace {

std::optional<std::int64_t> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

}  // namespace

EnergyMeter::EnergyMeter(const std::filesystem::path& root, GpuEnergy gpus) : gpus_(std::move(gpus)) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(root, none)) {
    const std::string name = entry.path().filename().string();
    // intel-rapl:0 is a package, intel-rapl:0:1 a part of it.
    if (!name.starts_with("intel-rapl:") || std::count(name.begin(), name.end(), ':') != 1) continue;
    const auto now = number_in(entry.path() / "energy_uj");
    if (now)
      packages_.push_back(
          {entry.path() / "energy_uj", number_in(entry.path() / "max_energy_range_uj").value_or(0), *now});
  }
}

std::optional<double> EnergyMeter::joules() {
  const std::optional<double> gpus = gpus_.joules();
  if (packages_.empty()) return gpus;
  for (Package& package : packages_) {
    const std::int64_t now = number_in(package.counter).value_or(package.last);
    const std::int64_t used = now >= package.last ? now - package.last : now + package.range - package.last;
    joules_ += 1e-6 * static_cast<double>(used);
    package.last = now;
  }
  return joules_ + gpus.value_or(0);
}

std::string energy_text(double joules, std::optional<double> gpu_joules, double price_of_kwh) {
  std::ostringstream text;
  text << std::setprecision(3);
  const auto tell = [&text](double watt_hours) {
    text << (watt_hours < 1000 ? watt_hours : watt_hours / 1000) << (watt_hours < 1000 ? " Wh" : " kWh");
  };
  tell(joules / 3600);
  if (gpu_joules) {
    text << ", ";
    tell(*gpu_joules / 3600);
    text << " of it by the GPU";
  }
  if (price_of_kwh > 0) text << " (" << joules / 3.6e6 * price_of_kwh << " at " << price_of_kwh << " a kWh)";
  return text.str();
}

}  // namespace palimpsest
