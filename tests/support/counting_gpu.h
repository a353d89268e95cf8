// A management library and driver of two GPUs whose counters a test sets (counting_gpu.cpp), by the names of the real
// ones.
#pragma once

#include <dlfcn.h>

#include <array>
#include <stdexcept>

#include "base/gpu_energy.h"

namespace palimpsest {

struct CountingGpu {
  int answer_to_start = 0;                          // what nvmlInit_v2 returns
  std::array<unsigned long long, 2> millijoules{};  // by the number that the management library gives a device
  std::array<int, 2> answer{};                      // what reading them returns
  int started = 0;                                  // nvmlInit_v2 less nvmlShutdown
};

inline GpuLibraries counting_gpu_libraries() { return {PALIMPSEST_COUNTING_GPU, PALIMPSEST_COUNTING_GPU}; }

// The state of the library in this process, as when it was loaded.
inline CountingGpu& counting_gpu() {
  static void* const library = ::dlopen(PALIMPSEST_COUNTING_GPU, RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(::dlerror());
  CountingGpu& state = *static_cast<CountingGpu*>(::dlsym(library, "counting_gpu_state"));
  state = {};
  return state;
}

}  // namespace palimpsest
