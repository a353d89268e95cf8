// How far each stage of a preparation is, and how fast it would be alone.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace palimpsest {

enum class Stage { kRead, kFilter, kTokenize, kWrite };

// Any thread may add to it.
class StageMeter {
 public:
  void add(Stage stage, std::int64_t samples, double seconds);
  // "read 1.2k (40k/s), filtered 1.2k (2.1k/s), tokenized 980 (1.5k/s), written 512 (90k/s)": samples that a stage has
  // seen, and how many it does in a second of its own work, on one thread.
  std::string line() const;

 private:
  struct Count {
    std::atomic<std::int64_t> samples{0}, nanoseconds{0};
  };
  std::array<Count, 4> counts_;
};

// Adds the time from its making to its end.
class StageTimer {
 public:
  explicit StageTimer(StageMeter* meter, Stage stage) : meter_(meter), stage_(stage) {}
  ~StageTimer() {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin_;
    if (meter_) meter_->add(stage_, samples_, taken.count());
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

  void count(std::size_t samples) { samples_ += static_cast<std::int64_t>(samples); }

 private:
  StageMeter* meter_;  // null: nobody asks
  Stage stage_;
  std::int64_t samples_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace palimpsest
