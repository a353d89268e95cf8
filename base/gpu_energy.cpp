#include "base/gpu_energy.h"

#include <dlfcn.h>

#include <array>

namespace palimpsest {

namespace {

constexpr int kDone = 0;  // of both libraries

// A shared library, or nullptr where it is absent; its functions are then too.
using Library = std::unique_ptr<void, int (*)(void*)>;
Library open_library(const std::string& name) { return {::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL), ::dlclose}; }

template <class Function>
Function* find(const Library& library, const char* name) {
  return library ? reinterpret_cast<Function*>(::dlsym(library.get(), name)) : nullptr;
}

// Where a device of CUDA's is: "0000:65:00.0".
std::optional<std::string> bus_of(const Library& driver, std::int64_t device) {
  const auto start = find<int(unsigned)>(driver, "cuInit");
  const auto number = find<int(int*, int)>(driver, "cuDeviceGet");
  const auto tell = find<int(char*, int, int)>(driver, "cuDeviceGetPCIBusId");
  int handle = 0;
  std::array<char, 64> bus{};
  if (!start || !number || !tell || start(0) != kDone || number(&handle, static_cast<int>(device)) != kDone ||
      tell(bus.data(), static_cast<int>(bus.size()), handle) != kDone) {
    return std::nullopt;
  }
  return bus.data();
}

}  // namespace

// The management library, started while it lives.
class GpuEnergy::Nvml {
 public:
  explicit Nvml(const std::string& name)
      : library_(open_library(name)),
        find_(find<int(const char*, void**)>(library_, "nvmlDeviceGetHandleByPciBusId_v2")),
        energy_(find<int(void*, unsigned long long*)>(library_, "nvmlDeviceGetTotalEnergyConsumption")) {
    const auto start = find<int()>(library_, "nvmlInit_v2");
    started_ = start && start() == kDone;
  }
  ~Nvml() {
    const auto stop = find<int()>(library_, "nvmlShutdown");
    if (started_ && stop) stop();
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  std::optional<void*> device_at(const std::string& bus) const {
    void* handle = nullptr;
    if (!started_ || !find_ || find_(bus.c_str(), &handle) != kDone) return std::nullopt;
    return handle;
  }
  std::optional<std::uint64_t> millijoules(void* device) const {
    unsigned long long energy = 0;
    if (!energy_ || energy_(device, &energy) != kDone) return std::nullopt;
    return energy;
  }

 private:
  Library library_;
  int (*find_)(const char*, void**);
  int (*energy_)(void*, unsigned long long*);
  bool started_ = false;
};

GpuEnergy::GpuEnergy(const std::vector<std::int64_t>& devices, const GpuLibraries& libraries) {
  if (devices.empty()) return;
  const Library driver = open_library(libraries.driver);
  nvml_ = std::make_shared<Nvml>(libraries.management);
  for (const std::int64_t device : devices) {
    const auto bus = bus_of(driver, device);
    const auto handle = bus ? nvml_->device_at(*bus) : std::nullopt;
    const auto now = handle ? nvml_->millijoules(*handle) : std::nullopt;
    if (now) devices_.push_back({*handle, *now});
  }
}

std::optional<double> GpuEnergy::joules() {
  if (devices_.empty()) return std::nullopt;
  for (Device& device : devices_) {
    const std::uint64_t now = nvml_->millijoules(device.handle).value_or(device.last);
    joules_ += 1e-3 * static_cast<double>(now >= device.last ? now - device.last : now);
    device.last = now;
  }
  return joules_;
}

}  // namespace palimpsest
