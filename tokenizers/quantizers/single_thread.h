// One thread while it lives: convolutions sum in another order with more threads, and ids at a rounding edge would
// follow.
#pragma once

#include <ATen/Parallel.h>

#include "base/parallel.h"

namespace palimpsest {

class SingleThread {
 public:
  SingleThread() : before_(at::get_num_threads()) { set_num_threads(1); }
  ~SingleThread() { set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace palimpsest
