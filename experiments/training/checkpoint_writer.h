// Checkpoints written while training goes on.
#pragma once

#include <future>

#include "experiments/training/checkpoint.h"

namespace palimpsest {

// Copies what is to be saved, which is all that training waits for, and writes the copy in a thread. One at a time: a
// save that comes before the last is written waits for it.
class CheckpointWriter {
 public:
  CheckpointWriter(std::filesystem::path run, KeepPolicy policy) : run_(std::move(run)), policy_(std::move(policy)) {}

  void save(CheckpointContent content);
  // What went wrong in a save that has ended, as soon as it is known.
  void check();
  // Waits for the last save.
  void finish();

  // Seconds that training has stood still for saves, that writing them took behind its back (up to the last finish()),
  // and how many there were.
  double stalled_seconds() const { return stalled_seconds_; }
  double written_seconds() const { return written_seconds_; }
  std::int64_t saves() const { return saves_; }

 private:
  std::filesystem::path run_;
  KeepPolicy policy_;
  std::future<double> writing_;  // the seconds it took
  double stalled_seconds_ = 0.0, written_seconds_ = 0.0;
  std::int64_t saves_ = 0;
};

}  // namespace palimpsest
