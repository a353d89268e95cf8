// A film cut into clips of equal length, with a few pictures each.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

struct FilmLimits {
  double max_seconds = 24 * 3600;
  std::int64_t max_pixels = 10'000'000;  // a picture; a decoder may hold seventeen of them
};

struct ClipForm {
  double seconds = 2.0;     // length of a clip
  std::int64_t frames = 1;  // pictures a clip: what is shown at the middles of as many equal parts
  FilmLimits limits = {};
};

class ClipReader {
 public:
  // The bytes must outlive it. InputError naming `name`: no film that can be read, too many pixels, too long.
  ClipReader(std::string_view bytes, std::string_view name, const ClipForm& form);
  ~ClipReader();

  // Whole clips of the film, by its packets' times; what is left at its end is no clip.
  std::int64_t count() const;
  // The pictures of the next clip. InputError when the film is damaged there.
  std::vector<Image> next();

 private:
  struct Film;
  std::unique_ptr<Film> film_;
};

}  // namespace palimpsest
