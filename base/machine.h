// The machine a program runs on: device, number type, threads, the allocator.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

#include "base/options.h"

namespace palimpsest {

enum class ComputeType { kAuto, kFp32, kBf16 };
constexpr auto enum_names(ComputeType) {
  return std::array{std::pair{ComputeType::kAuto, "auto"}, std::pair{ComputeType::kFp32, "fp32"},
                    std::pair{ComputeType::kBf16, "bf16"}};
}

// The options every command shares.
struct MachineOptions {
  std::string device = "auto";             // auto, cpu, cuda, cuda:N; auto takes a GPU when there is one
  ComputeType dtype = ComputeType::kAuto;  // auto probes a matrix product: bf16 when faster than fp32
  std::int64_t threads = 0;                // 0: one a core
  std::int64_t seed = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("device", self.device, "auto, cpu, cuda or cuda:N");
    visitor("dtype", self.dtype, "auto, fp32 or bf16; auto probes for fast bf16");
    visitor("threads", self.threads, "CPU threads, 0 for one a core");
    visitor("seed", self.seed, "seed of every random draw");
  }
  void validate() const;
};

struct Machine {
  c10::Device device{c10::DeviceType::CPU};
  c10::ScalarType dtype = c10::ScalarType::Float;  // of matrix products; masters stay float32
};

// Opens libpalimpsest_cuda.so beside the program when present, and keeps freed memory in the process (mallopt).
// Must be the first call of main.
void prepare_process();

// Applies threads and resolves device and dtype. InputError for a device that is not there.
Machine resolve_machine(const MachineOptions& options);

// Is a bf16 matrix product faster than fp32 here? Measured once a process, in milliseconds of work.
bool fast_bf16(c10::Device device);

// Highest resident set of this process so far, bytes.
std::int64_t peak_memory_bytes();

}  // namespace palimpsest
