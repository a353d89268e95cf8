// A film as a run of clips, each with its pictures and its part of the sound.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modalities/media/clips.h"

namespace palimpsest {

struct FilmForm {
  ClipForm clips = {};
  std::int64_t sample_rate = 0;  // Hz, of the sound; 0 where nobody asks for it
};

struct FilmClip {
  std::vector<Image> frames;   // as many as the form says
  std::optional<Audio> sound;  // none where the film is silent or its sound has ended
};

class FilmClips {
 public:
  virtual ~FilmClips() = default;
  virtual std::int64_t count() const = 0;  // whole clips; at least one
  virtual FilmClip next() = 0;             // InputError when the film is damaged there
};

// How bytes become a film: open_film, or a process's.
using FilmOpener =
    std::function<std::unique_ptr<FilmClips>(std::string bytes, const std::string& name, const FilmForm& form)>;

// InputError naming `name`: no film that can be read, beyond the limits, shorter than a clip.
std::unique_ptr<FilmClips> open_film(std::string bytes, const std::string& name, const FilmForm& form);

}  // namespace palimpsest
