// Builds without codec libraries: sound and video cannot be read.
#include "base/errors.h"
#include "modalities/media/streams.h"

namespace palimpsest {

std::vector<StreamForm> read_streams(std::string_view, std::string_view name) {
  throw InputError(name, "", "sound and video need a build with codec libraries (PALIMPSEST_MEDIA=ON)");
}

}  // namespace palimpsest
