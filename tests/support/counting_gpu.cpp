// What libnvidia-ml.so.1 and libcuda.so.1 export of two GPUs, as far as the program asks. CUDA counts them the other
// way round, as it may.
#include "tests/support/counting_gpu.h"

#include <cstdint>
#include <cstring>

extern "C" {

palimpsest::CountingGpu counting_gpu_state;

constexpr int kInvalid = 2, kNoDevice = 101;
constexpr const char* kBuses[] = {"0000:0a:00.0", "0000:0b:00.0"};  // by the management library's numbers

int nvmlInit_v2() {
  if (counting_gpu_state.answer_to_start == 0) ++counting_gpu_state.started;
  return counting_gpu_state.answer_to_start;
}
int nvmlShutdown() {
  --counting_gpu_state.started;
  return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** device) {
  for (std::uintptr_t i = 0; i < 2; ++i) {
    if (std::strcmp(bus, kBuses[i]) != 0) continue;
    *device = reinterpret_cast<void*>(i + 1);
    return 0;
  }
  return kInvalid;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  const std::uintptr_t i = reinterpret_cast<std::uintptr_t>(device) - 1;
  *millijoules = counting_gpu_state.millijoules[i];
  return counting_gpu_state.answer[i];
}

int cuInit(unsigned) { return 0; }
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < 2 ? 0 : kNoDevice;
}
int cuDeviceGetPCIBusId(char* bus, int length, int device) {
  std::strncpy(bus, kBuses[1 - device], static_cast<std::size_t>(length));
  return 0;
}

}  // extern "C"
