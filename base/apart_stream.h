// Reading what others made in a process of its own: what such a process may take, and the stream that it hands back.
// Numbers in it are the machine's own, for both sides are one program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/child_process.h"

namespace palimpsest {

struct ApartOptions {
  std::string program;            // one that serves when its first argument asks it to
  std::int64_t memory_mb = 1536;  // that a process may take
  double stall_seconds = 60.0;    // that it may say nothing
};

// The side that serves. It is ended by a signal (bound_own_process) once nobody reads any more.
class ApartWriter {
 public:
  explicit ApartWriter(std::FILE* stream = stdout) : stream_(stream) {}

  void bytes(std::string_view bytes) const { std::fwrite(bytes.data(), 1, bytes.size(), stream_); }
  void byte(char value) const { bytes({&value, 1}); }
  template <class Number>
  void number(Number value) const {
    bytes({reinterpret_cast<const char*>(&value), sizeof value});
  }
  // Its length (uint64) and its bytes.
  void text(std::string_view text) const {
    number(static_cast<std::uint64_t>(text.size()));
    bytes(text);
  }
  bool flush() const { return std::fflush(stream_) == 0 && std::ferror(stream_) == 0; }

 private:
  std::FILE* stream_;
};

// The side that asked: of a process's output exactly `count` bytes; IoError that tells how the process ended where
// there are fewer, or that it stalled.
std::string read_exactly(ProgramReader& process, std::size_t count);

// What is wrong with a file whose process says what it never would.
inline constexpr const char* kLedAstray = "led the process that reads it astray";

// A number as ApartWriter wrote it.
template <class Number>
Number read_number(ProgramReader& process) {
  const std::string bytes = read_exactly(process, sizeof(Number));
  Number value{};
  bytes.copy(reinterpret_cast<char*>(&value), sizeof value);
  return value;
}

// A text as ApartWriter wrote it; IoError when it says that it has more than `most` bytes.
std::string read_text(ProgramReader& process, std::size_t most);

}  // namespace palimpsest
