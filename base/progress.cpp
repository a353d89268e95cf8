#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>

namespace palimpsest {

namespace {

constexpr auto kTerminalPeriod = std::chrono::milliseconds(100);
constexpr auto kPlainPeriod = std::chrono::seconds(10);
constexpr int kBarWidth = 24;

std::string bar(double fraction) {
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(static_cast<std::size_t>(filled), '=') +
         std::string(static_cast<std::size_t>(kBarWidth - filled), ' ') + "] ";
}

std::string formatted(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

Progress::Progress(std::string title, std::int64_t total, std::string unit, std::int64_t start)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      start_(start),
      done_(start),
      terminal_(::isatty(STDERR_FILENO) != 0),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {}

Progress::~Progress() {
  if (!finished_ && terminal_ && drawn_ != begin_) std::cerr << "\n";
}

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  last_note_ = note;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < (terminal_ ? std::chrono::nanoseconds(kTerminalPeriod) : std::chrono::nanoseconds(kPlainPeriod))) {
    return;
  }
  drawn_ = now;
  draw(note, false);
}

void Progress::finish(const std::string& note) {
  if (finished_) return;
  finished_ = true;
  draw(note.empty() ? last_note_ : note, true);
}

void Progress::draw(const std::string& note, bool last) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const double rate = static_cast<double>(done_ - start_) / std::max(seconds, 1e-9);
  std::string line = title_ + ": ";
  if (terminal_ && total_ > 0) line += bar(static_cast<double>(done_) / static_cast<double>(total_));
  line += std::to_string(done_) + (total_ > 0 ? "/" + std::to_string(total_) : "") + " " + unit_;
  if (done_ > start_) line += ", " + human_count(rate) + " " + unit_ + "/s";
  if (last) {
    line += ", took " + human_seconds(seconds);
  } else if (total_ > 0 && rate > 0) {
    line += ", " + human_seconds(static_cast<double>(total_ - done_) / rate) + " left";
  }
  if (!note.empty()) line += "  " + note;
  std::cerr << (terminal_ ? "\r\x1b[2K" : "") << line << (terminal_ && !last ? "" : "\n") << std::flush;
}

std::string human_count(double count) {
  constexpr std::array kUnits{std::pair{1e15, "P"}, std::pair{1e12, "T"}, std::pair{1e9, "G"}, std::pair{1e6, "M"},
                              std::pair{1e3, "k"}};
  for (const auto& [size, letter] : kUnits) {
    if (count >= size) return formatted(count >= 100 * size ? "%.0f" : "%.1f", count / size) + letter;
  }
  return formatted(count >= 100 || count == std::floor(count) ? "%.0f" : "%.1f", count);
}

std::string human_seconds(double seconds) {
  if (seconds < 10) return formatted("%.1fs", std::max(seconds, 0.0));
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + "s";
  const auto two_digits = [](std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  if (whole < 3600) return std::to_string(whole / 60) + "m" + two_digits(whole % 60) + "s";
  return std::to_string(whole / 3600) + "h" + two_digits(whole / 60 % 60) + "m";
}

}  // namespace palimpsest
