// A progress bar on stderr: a live line with rate and time left on a terminal, plain lines now and then otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace palimpsest {

class Progress {
 public:
  // `total` units of work (0: unknown), called `unit`; `start` of them are already done.
  Progress(std::string title, std::int64_t total, std::string unit, std::int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Sets what is done so far; `note` (losses, say) follows the rate. Draws at most ten times a second.
  void update(std::int64_t done, const std::string& note = "");
  void finish(const std::string& note = "");

 private:
  void draw(const std::string& note, bool last);
  std::string title_, unit_, last_note_;
  std::int64_t total_, start_, done_;
  bool terminal_, finished_ = false;
  std::chrono::steady_clock::time_point begin_, drawn_;
};

// "1.2k", "3m20s": a count and a span of seconds for people.
std::string human_count(double count);
std::string human_seconds(double seconds);

}  // namespace palimpsest
