// Signs of life between processes that share a store, so that one that stands still without dying is noticed.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace palimpsest {

// A thread of each process counts on in the store, and watches the count of the next rank. When that stands still for
// `silence`, the rank is marked as silent and the alarm raised, which all others see at their next look. Time is
// counted in looks: a machine that slept, or processes that were all stopped together, have missed nothing.
class Heartbeat {
 public:
  // Leaves the first sign; the thread begins with start(), once every process has left one. The store is used by
  // nobody else.
  Heartbeat(c10::intrusive_ptr<c10d::Store> store, std::int64_t rank, std::int64_t size,
            std::chrono::milliseconds silence);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void start();
  // Waits for the thread, unless it hangs in a store that does not answer.
  void stop();

  // Of someone who waits, once `kLook` has passed in vain: throws when there is an alarm, or when the store has not
  // answered for `silence`.
  static constexpr std::chrono::milliseconds kLook{1000};
  void look();
  bool store_is_silent() const { return store_is_silent_; }

  static std::string alarm_key() { return "alarm"; }
  static std::string silent_key(std::int64_t rank) { return "silent/" + std::to_string(rank); }

 private:
  struct Pulse;
  std::shared_ptr<Pulse> pulse_;  // the thread's too, which may outlive this
  std::chrono::milliseconds silence_;
  std::int64_t rounds_seen_ = -1, looks_in_vain_ = 0;
  bool store_is_silent_ = false;
};

}  // namespace palimpsest
