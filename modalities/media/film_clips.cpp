// Shapes: N samples of a sound.
#include "modalities/media/film_clips.h"

#include <algorithm>

#include "base/errors.h"
#include "modalities/media/audio.h"
#include "modalities/media/streams.h"

namespace palimpsest {

namespace {

class OpenFilm : public FilmClips {
 public:
  OpenFilm(std::string bytes, const std::string& name, const FilmForm& form)
      : bytes_(std::move(bytes)), form_(form), clips_(bytes_, name, form.clips) {
    if (form_.sample_rate > 0) open_sound(name);
    if (count() == 0) throw InputError(name, "", "is shorter than a clip");
  }

  std::int64_t count() const override { return clips_.count(); }

  FilmClip next() override {
    FilmClip clip{clips_.next(), {}};
    if (sound_) clip.sound = next_sound();
    ++clip_;
    return clip;
  }

 private:
  // A film may be silent; whether its clips may lack the sound is for the role to say.
  void open_sound(const std::string& name) {
    const auto streams = read_streams(bytes_, name);
    if (std::none_of(streams.begin(), streams.end(), [](const StreamForm& stream) { return stream.kind == "audio"; }))
      return;
    AudioLimits limits;
    limits.max_seconds = form_.clips.limits.max_seconds;
    sound_ = std::make_unique<SoundReader>(bytes_, name, form_.sample_rate, limits);
  }

  // Clips come in order, and so do the parts of the sound.
  std::optional<Audio> next_sound() {
    const auto place = [this](std::int64_t of) {
      const double seconds = static_cast<double>(of) * form_.clips.seconds;
      return static_cast<std::int64_t>(seconds * static_cast<double>(form_.sample_rate) + 0.5);
    };
    const at::Tensor samples_N = sound_->read(place(clip_ + 1) - place(clip_));
    if (samples_N.numel() == 0) return std::nullopt;
    return Audio{samples_N, form_.sample_rate};
  }

  std::string bytes_;
  FilmForm form_;
  ClipReader clips_;
  std::unique_ptr<SoundReader> sound_;  // null for a silent one
  std::int64_t clip_ = 0;
};

}  // namespace

std::unique_ptr<FilmClips> open_film(std::string bytes, const std::string& name, const FilmForm& form) {
  return std::make_unique<OpenFilm>(std::move(bytes), name, form);
}

}  // namespace palimpsest
