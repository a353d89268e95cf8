// Builds without codec libraries: there is no font to draw with.
#include "base/errors.h"
#include "modalities/media/lettering.h"

namespace palimpsest {

Image lettered(std::string_view, std::int64_t) {
  throw InputError("", "lettering", "pictures need a build with codec libraries (PALIMPSEST_MEDIA=ON)");
}

}  // namespace palimpsest
