// NCCL for the program, which is not linked to CUDA: it looks this function up by name (distributed.cpp).
#define USE_C10D_NCCL  // torch's header is empty without

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

// A c10d::Backend whose ownership passes to the caller; the store remains the caller's too.
extern "C" __attribute__((visibility("default"))) c10d::Backend* palimpsest_make_nccl(c10d::Store* store, int rank,
                                                                                      int size,
                                                                                      std::int64_t timeout_ms) {
  const auto shared = c10::intrusive_ptr<c10d::Store>::unsafe_reclaim_from_nonowning(store);
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::milliseconds(timeout_ms);  // its own would end a group whose first process samples
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(shared, rank, size, options).release();
}
