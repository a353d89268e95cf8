// One thread while it lives: convolutions sum in another order with more threads, and ids at a rounding edge would
// follow.
#pragma once

#include <ATen/Parallel.h>

namespace palimpsest {

class SingleThread {
 public:
  SingleThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~SingleThread() { at::set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace palimpsest
