#include "base/machine.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <dlfcn.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>

#include "base/errors.h"
#include "base/parallel.h"

namespace palimpsest {

namespace {

// Torch frees a step's activations in one sweep; glibc would hand them back to the system and fault them in again.
constexpr int kKeepAll = -1;
constexpr int kGrowthBytes = 64 << 20;

constexpr std::int64_t kProbeSize = 256, kProbeSizeCuda = 2048;  // smaller would time the launch
constexpr int kProbeRounds = 5;
constexpr double kWorthwhile = 1.5;  // real bf16 units gain 3 or more, emulation loses: nothing lies near

void open_cuda_library() {
  std::error_code ignored;
  const auto library = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "libpalimpsest_cuda.so";
  if (!std::filesystem::exists(library, ignored)) return;
  if (!::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    std::cerr << "palimpsest: the CUDA library cannot be opened, going on without: " << ::dlerror() << "\n";
  }
}

std::int64_t cuda_device_count() {
  return at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
}

std::int64_t parse_device_index(const std::string& text) {
  std::int64_t index = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index < 0) {
    throw InputError("", "device", "must be auto, cpu, cuda or cuda:N, got 'cuda:" + text + "'");
  }
  return index;
}

c10::Device resolve_device(const std::string& name) {
  const std::int64_t count = cuda_device_count();
  if (name == "cpu" || (name == "auto" && count == 0)) return {c10::DeviceType::CPU};
  const bool indexed = name.starts_with("cuda:");
  if (name != "auto" && name != "cuda" && !indexed) {
    throw InputError("", "device", "unknown device '" + name + "'" + suggest(name, {"auto", "cpu", "cuda"}));
  }
  const std::int64_t index = indexed ? parse_device_index(name.substr(5)) : 0;
  if (index >= count) {
    throw InputError("", "device",
                     "'" + name + "' is not there: this program sees " + std::to_string(count) + " CUDA devices");
  }
  return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)};
}

double seconds_of_product(c10::ScalarType dtype, c10::Device device) {
  const std::int64_t size = device.is_cuda() ? kProbeSizeCuda : kProbeSize;
  const at::Tensor a = at::ones({size, size}, at::TensorOptions().dtype(dtype).device(device));
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kProbeRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    at::matmul(a, a).sum().item<double>();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

bool probe_bf16(c10::Device device) {
  return seconds_of_product(c10::ScalarType::Float, device) >
         kWorthwhile * seconds_of_product(c10::ScalarType::BFloat16, device);
}

}  // namespace

void MachineOptions::validate() const {
  if (threads < 0) throw InputError("", "threads", "must be 0 or more, got " + std::to_string(threads));
}

void prepare_process() {
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", 0);  // torch then asks for huge pages under tensors of 2 MB and more
  open_cuda_library();
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, kKeepAll);
  ::mallopt(M_TOP_PAD, kGrowthBytes);
}

Machine resolve_machine(const MachineOptions& options) {
  options.validate();
  if (options.threads > 0) set_num_threads(static_cast<int>(options.threads));
  Machine machine;
  machine.device = resolve_device(options.device);
  const bool bf16 =
      options.dtype == ComputeType::kBf16 || (options.dtype == ComputeType::kAuto && fast_bf16(machine.device));
  machine.dtype = bf16 ? c10::ScalarType::BFloat16 : c10::ScalarType::Float;
  return machine;
}

bool fast_bf16(c10::Device device) {
  if (device.is_cuda()) {
    static const bool fast_cuda = probe_bf16(device);
    return fast_cuda;
  }
  static const bool fast_cpu = probe_bf16(device);
  return fast_cpu;
}

std::int64_t peak_memory_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace palimpsest
