// NCCL for the program, which is not linked to CUDA: it looks this function up by name (distributed.cpp).
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

extern "C" __attribute__((visibility("default"))) c10d::Backend* palimpsest_make_nccl(c10d::Store* store, int rank,
                                                                                      int size) {
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::intrusive_ptr<c10d::Store>::unsafe_reclaim_from_nonowning(store), rank, size);
  return static_cast<c10d::Backend*>(backend.release());
}
