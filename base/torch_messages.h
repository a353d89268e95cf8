// LibTorch's own messages on standard error, most of which tell a person nothing to act upon.
#pragma once

namespace palimpsest {

// While it lives, LibTorch's messages below an error are not printed, nor any of its profiler's. Whoever sets
// TORCH_CPP_LOG_LEVEL or KINETO_LOG_LEVEL has what they ask for.
class QuietTorch {
 public:
  QuietTorch();
  ~QuietTorch();
  QuietTorch(const QuietTorch&) = delete;
  QuietTorch& operator=(const QuietTorch&) = delete;

 private:
  int before_;
};

}  // namespace palimpsest
