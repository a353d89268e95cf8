#include "base/parallel.h"

#include <ATen/Parallel.h>

namespace palimpsest {

#ifndef _OPENMP
#error "compile this source with OpenMP: without it ATen's loops are serial"
#endif

void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  c10::function_ref<void(std::int64_t, std::int64_t)> act) {
  at::parallel_for(begin, end, grain, act);
}

}  // namespace palimpsest
