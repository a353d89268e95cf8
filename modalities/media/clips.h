// A film cut into clips of equal length, with a few pictures each.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

class ClipReader {
 public:
  // `frames` pictures a clip of `seconds`: what is shown at the middles of as many equal parts. The bytes must outlive
  // it. InputError naming `name`: no film that can be read, too many pixels.
  ClipReader(std::string_view bytes, std::string_view name, double seconds, std::int64_t frames);
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
