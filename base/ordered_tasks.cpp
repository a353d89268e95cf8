#include "base/ordered_tasks.h"

#include <ATen/Parallel.h>

#include "base/parallel.h"

namespace palimpsest {

Workers::Workers(std::int64_t threads) : threads_before_(at::get_num_threads()) {
  for (std::int64_t number = 0; number < threads; ++number) threads_.emplace_back([this] { serve(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  set_num_threads(threads_before_);  // part of the setting is the process's
}

void Workers::give(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void Workers::serve() {
  set_num_threads(1);
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace palimpsest
