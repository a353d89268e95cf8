// Runs a kernel of a GPU (backbone/kernels/device_place.h) on the CPU: one block after another, whose threads are
// fibres that take turns wherever they wait for each other. What a block leaves unwritten in its memory is NaN; a write
// past its end, and threads that wait for others which have ended, are errors.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "backbone/kernels/device_place.h"

namespace palimpsest::test {

class FibreBlock {
 public:
  // What a kernel sees.
  class Place {
   public:
    Place(FibreBlock& block, int thread) : block_(block), thread_(thread) {}
    std::int64_t block() const { return block_.number_; }
    std::int64_t blocks() const { return block_.blocks_; }
    int thread() const { return thread_; }
    int threads() const { return static_cast<int>(block_.fibres_.size()); }
    float* memory() const { return block_.memory_.data(); }
    void barrier() const { block_.meet(block_.all_); }
    float from_lane(float x, int mask) const {
      Meeting& warp = block_.warps_[static_cast<std::size_t>(thread_ / device::kLanes)];
      block_.exchange_[static_cast<std::size_t>(thread_)] = x;
      block_.meet(warp);
      const float other = block_.exchange_[static_cast<std::size_t>(thread_ ^ mask)];
      block_.meet(warp);  // before it is written again
      return other;
    }

   private:
    FibreBlock& block_;
    int thread_;
  };

  // Threads in whole warps, floats of memory.
  FibreBlock(int threads, std::int64_t memory)
      : fibres_(static_cast<std::size_t>(threads)),
        all_{threads},
        warps_(static_cast<std::size_t>(threads / device::kLanes), Meeting{device::kLanes}),
        exchange_(static_cast<std::size_t>(threads)),
        floats_(static_cast<std::size_t>(memory)) {
    for (Fibre& fibre : fibres_) fibre.stack.resize(kStack);
  }

  void run(std::int64_t number, std::int64_t blocks, const std::function<void(const Place&)>& work) {
    number_ = number;
    blocks_ = blocks;
    work_ = work;
    memory_.assign(floats_ + kGuard, std::numeric_limits<float>::quiet_NaN());
    std::fill(memory_.end() - kGuard, memory_.end(), kUntouched);
    for (std::size_t i = 0; i < fibres_.size(); ++i) prepare(i);
    while (resume_some()) {
    }
    for (std::size_t i = floats_; i < memory_.size(); ++i) {
      if (memory_[i] != kUntouched) throw std::logic_error("grid: a block wrote past its memory");
    }
  }

 private:
  static constexpr std::size_t kStack = 64 << 10, kGuard = 64;
  static constexpr float kUntouched = 12345;
  static constexpr int kTurnsAwake = 23, kPatience = 2000;  // the latter: turns in which nobody comes further

  struct Fibre {
    ucontext_t context;
    std::vector<char> stack;
    bool ended = false;
  };
  struct Meeting {
    int size, arrived = 0, times = 0;
  };

  void prepare(std::size_t i) {
    Fibre& fibre = fibres_[i];
    fibre.ended = false;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.data();
    fibre.context.uc_stack.ss_size = fibre.stack.size();
    fibre.context.uc_link = &scheduler_;
    const auto address = reinterpret_cast<std::uintptr_t>(this);  // arguments are ints
    makecontext(&fibre.context, reinterpret_cast<void (*)()>(&enter), 2, static_cast<unsigned>(address),
                static_cast<unsigned>(address >> 32));
  }

  static void enter(unsigned low, unsigned high) {
    auto& block = *reinterpret_cast<FibreBlock*>(std::uintptr_t{low} | (std::uintptr_t{high} << 32));
    const std::size_t mine = block.current_;
    block.work_(Place(block, static_cast<int>(mine)));
    block.fibres_[mine].ended = block.progress_ = true;
  }

  // One turn for each fibre of the warps that are awake, which for a while are about half of them; false once all have
  // ended.
  bool resume_some() {
    bool any = false;
    progress_ = false;
    for (std::size_t warp = 0; turns_ % kTurnsAwake == 0 && warp < awake_.size(); ++warp)
      awake_[warp] = (chance_() >> 8) % 2 == 0;
    ++turns_;
    for (current_ = 0; current_ < fibres_.size(); ++current_) {
      any = any || !fibres_[current_].ended;
      if (awake_[current_ / device::kLanes] && !fibres_[current_].ended)
        swapcontext(&scheduler_, &fibres_[current_].context);
    }
    idle_ = progress_ ? 0 : idle_ + 1;
    if (idle_ > kPatience) throw std::logic_error("grid: threads wait for some that do not come");
    return any;
  }

  void meet(Meeting& meeting) {
    const int mine = meeting.times;
    if (++meeting.arrived == meeting.size) {
      meeting.arrived = 0;
      ++meeting.times;
      progress_ = true;
    }
    while (meeting.times == mine) swapcontext(&fibres_[current_].context, &scheduler_);
  }

  std::vector<Fibre> fibres_;
  Meeting all_;
  std::vector<Meeting> warps_;
  std::vector<bool> awake_ = std::vector<bool>(warps_.size());
  std::vector<float> exchange_, memory_;
  std::size_t floats_, current_ = 0;
  ucontext_t scheduler_;
  std::function<void(const Place&)> work_;
  std::int64_t number_ = 0, blocks_ = 1;
  std::minstd_rand chance_;
  bool progress_ = false;
  int idle_ = 0, turns_ = 0;
};

// A launch of at most so many blocks of so many threads.
struct Grid {
  int threads = device::kThreads;
  std::int64_t most_blocks = std::numeric_limits<std::int64_t>::max();

  template <class Kernel>
  void operator()(const Kernel& kernel) const {
    const std::int64_t blocks = std::min(kernel.blocks(), most_blocks);
    FibreBlock block(threads, kernel.memory());
    for (std::int64_t i = 0; i < blocks; ++i)
      block.run(i, blocks, [&kernel](const FibreBlock::Place& place) { kernel(place); });
  }
};

}  // namespace palimpsest::test
