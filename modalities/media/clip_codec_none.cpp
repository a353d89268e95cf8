// Builds without codec libraries: films cannot be read.
#include "base/errors.h"
#include "modalities/media/clips.h"

namespace palimpsest {

struct ClipReader::Film {};

ClipReader::ClipReader(std::string_view, std::string_view name, const ClipForm&) {
  throw InputError(name, "", "sound and video need a build with codec libraries (PALIMPSEST_MEDIA=ON)");
}
ClipReader::~ClipReader() = default;
std::int64_t ClipReader::count() const { return 0; }
std::vector<Image> ClipReader::next() { return {}; }

}  // namespace palimpsest
