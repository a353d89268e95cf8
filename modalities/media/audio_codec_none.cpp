// Builds without codec libraries: sound and video cannot be read (WAV can still be written).
#include "base/errors.h"
#include "modalities/media/audio.h"

namespace palimpsest {

namespace {

constexpr std::string_view kNeedsFfmpeg = "sound and video need a build with codec libraries (PALIMPSEST_MEDIA=ON)";

}  // namespace

Audio decode_audio(std::string_view, std::int64_t, std::string_view name, const AudioLimits&) {
  throw InputError(name, "", kNeedsFfmpeg);
}

struct SoundReader::Sound {};

SoundReader::SoundReader(std::string_view, std::string_view name, std::int64_t, const AudioLimits&) {
  throw InputError(name, "", kNeedsFfmpeg);
}

SoundReader::~SoundReader() = default;

at::Tensor SoundReader::read(std::int64_t) { return {}; }

std::vector<Image> load_video_frames(const std::filesystem::path& path, std::int64_t) {
  throw InputError(path.string(), "", kNeedsFfmpeg);
}

}  // namespace palimpsest
