#include "base/parallel.h"

#include <ATen/Parallel.h>

#include <mutex>

namespace palimpsest {

#if !defined(_OPENMP) && !defined(__clang__)  // clang: CMakeLists.txt
#error "compile this source with OpenMP: without it ATen's loops are serial"
#endif

void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  c10::function_ref<void(std::int64_t, std::int64_t)> act) {
  at::parallel_for(begin, end, grain, act);
}

void set_num_threads(int threads) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  at::set_num_threads(threads);
}

}  // namespace palimpsest
