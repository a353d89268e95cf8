// Decoding in processes of their own: a file that leads a decoder astray ends that process, and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/apart_stream.h"
#include "modalities/media/film_clips.h"
#include "modalities/media/form.h"

namespace palimpsest {

// How bytes become media: decode_media, or a process's.
using MediaDecoder = std::function<FormedMedia(std::string_view bytes, std::string_view name, const MediaForm& form)>;

struct Decoding {
  MediaDecoder media = decode_media;
  FilmOpener film = open_film;
};

inline constexpr const char* kDecodeApart = "--decode-apart";  // the first argument of a program that serves

// Answers requests on stdin until it ends; `arguments`: the memory that decoding may take, MB. Returns the exit code.
int serve_decoding(const std::vector<std::string>& arguments);

class ApartDecoders {
 public:
  // The program serves when its first argument is kDecodeApart; decoding one file may take `stall_seconds`.
  explicit ApartDecoders(ApartOptions options);
  ~ApartDecoders();

  // As decode_media, by a process that is free or a new one; any thread may ask. A process that is ended by a signal,
  // or by this one because it stalls, is an InputError naming `name`; the next file gets another.
  FormedMedia decode(std::string_view bytes, std::string_view name, const MediaForm& form);

  // As open_film, by a process of the film's own as long as it lives; it must not outlive this.
  std::unique_ptr<FilmClips> open_film(std::string_view bytes, const std::string& name, const FilmForm& form);

  // By these processes, which must outlive it.
  Decoding decoding();

 private:
  class Process;
  class Lease;
  class ApartFilm;
  using ProcessPointer = std::unique_ptr<Process>;

  ProcessPointer take();
  void keep(ProcessPointer process);

  ApartOptions options_;
  std::mutex mutex_;
  std::vector<ProcessPointer> free_;
};

}  // namespace palimpsest
