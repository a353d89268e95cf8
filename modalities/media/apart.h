// Decoding in processes of their own: a file that leads a decoder astray ends that process, and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/media/form.h"

namespace palimpsest {

// How bytes become media: decode_media, or a process's.
using MediaDecoder = std::function<FormedMedia(std::string_view bytes, std::string_view name, const MediaForm& form)>;

inline constexpr const char* kDecodeApart = "--decode-apart";  // the first argument of a program that serves

// Answers requests on stdin until it ends; `arguments`: the memory that decoding may take, MB. Returns the exit code.
int serve_decoding(const std::vector<std::string>& arguments);

struct ApartOptions {
  std::string program;            // one that serves when its first argument is kDecodeApart
  std::int64_t memory_mb = 1536;  // that a process may take
  double stall_seconds = 60.0;    // that decoding one file may take
};

class ApartDecoders {
 public:
  explicit ApartDecoders(ApartOptions options);
  ~ApartDecoders();

  // As decode_media, by a process that is free or a new one; any thread may ask. A process that is ended by a signal,
  // or by this one because it stalls, is an InputError naming `name`; the next file gets another.
  FormedMedia decode(std::string_view bytes, std::string_view name, const MediaForm& form);

 private:
  class Process;
  std::unique_ptr<Process> take();

  ApartOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Process>> free_;
};

}  // namespace palimpsest
