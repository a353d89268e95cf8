// What GPUs have drawn, by NVIDIA's management library (NVML), which is opened where there is one and not linked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace palimpsest {

// The library that counts, and the driver's, which knows where the devices of this process are.
struct GpuLibraries {
  std::string management = "libnvidia-ml.so.1", driver = "libcuda.so.1";
};

class GpuEnergy {
 public:
  GpuEnergy() = default;  // of no device
  // Of devices by CUDA's numbers in this process. What does not tell (no library, no such device, one that is older
  // than Volta) is left out.
  explicit GpuEnergy(const std::vector<std::int64_t>& devices, const GpuLibraries& libraries = {});

  // Joules of all of them since this was made, by counters of millijoules (nvmlDeviceGetTotalEnergyConsumption);
  // nothing where none tells. A counter that is lower than it was (the driver was loaded anew) has begun at zero.
  std::optional<double> joules();

 private:
  class Nvml;
  struct Device {
    void* handle = nullptr;
    std::uint64_t last = 0;  // millijoules
  };
  std::shared_ptr<Nvml> nvml_;
  std::vector<Device> devices_;
  double joules_ = 0;
};

}  // namespace palimpsest
