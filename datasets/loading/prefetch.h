// Prefetcher: items made ahead of their use on a thread of its own, so that whoever uses them does not wait.
//
// Items are numbered, and item n is a pure function of n: what is made ahead is what would have been made at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace palimpsest {

template <class Item>
class Prefetcher {
 public:
  // `make` is called on the thread, with one number after another; at most `depth` items wait to be taken.
  Prefetcher(std::function<Item(std::int64_t)> make, std::size_t depth) : make_(std::move(make)), depth_(depth) {}
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // Item `number`. Taken in order it is there already; any other number starts anew from there. Throws what `make` did.
  Item take(std::int64_t number) {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    if (number != next_taken_ || (failed_ && made_.empty())) restart(number);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !made_.empty() || failed_; });
    waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (made_.empty()) std::rethrow_exception(failed_);
    Item item = std::move(made_.front());
    made_.pop_front();
    ++next_taken_;
    changed_.notify_all();
    return item;
  }

  double waited_seconds() const {  // in take(), so far
    const std::lock_guard lock(mutex_);
    return waited_;
  }

 private:
  void restart(std::int64_t number) {
    made_.clear();
    failed_ = nullptr;
    next_taken_ = next_made_ = number;
    ++run_;
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || (made_.size() < depth_ && !failed_); });
      if (stopped_) return;
      const std::int64_t number = next_made_, run = run_;
      std::optional<Item> item;
      std::exception_ptr failure;
      lock.unlock();
      try {
        item = make_(number);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (run != run_) continue;  // another number was asked for meanwhile
      if (item) made_.push_back(std::move(*item));
      failed_ = failure;
      ++next_made_;
      changed_.notify_all();
    }
  }

  std::function<Item(std::int64_t)> make_;
  std::size_t depth_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> made_;
  std::exception_ptr failed_;
  std::int64_t next_taken_ = 0, next_made_ = 0, run_ = 0;
  bool stopped_ = false;
  double waited_ = 0;
  std::thread thread_;
};

}  // namespace palimpsest
