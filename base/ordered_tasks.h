// OrderedTasks: work done by a few threads at once, whose results come in the order in which it was given.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace palimpsest {

// Threads that take work from one queue. LibTorch's operations run on one thread within each of them.
class Workers {
 public:
  explicit Workers(std::int64_t threads);
  ~Workers();  // drops work that has not begun, waits for what has
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void give(std::function<void()> work);

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  int threads_before_;
  std::vector<std::thread> threads_;
};

template <class Result>
class OrderedTasks {
 public:
  explicit OrderedTasks(std::int64_t threads) : workers_(threads) {}

  void give(std::function<Result()> work) {
    auto task = std::make_shared<std::packaged_task<Result()>>(std::move(work));
    results_.push_back(task->get_future());
    workers_.give([task] { (*task)(); });
  }
  std::size_t pending() const { return results_.size(); }

  // Waits for the oldest; throws what its work threw.
  Result take() {
    std::future<Result> oldest = std::move(results_.front());
    results_.pop_front();
    return oldest.get();
  }

 private:
  std::deque<std::future<Result>> results_;
  Workers workers_;
};

}  // namespace palimpsest
