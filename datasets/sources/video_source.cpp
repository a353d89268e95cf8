// Shapes: N samples of a sound.
#include "datasets/sources/video_source.h"

#include "base/errors.h"
#include "datasets/sources/folder_source.h"
#include "datasets/sources/several_texts.h"
#include "datasets/sources/source_files.h"
#include "datasets/sources/tar_source.h"
#include "modalities/media/audio.h"
#include "modalities/media/clips.h"
#include "modalities/media/streams.h"

namespace palimpsest {

namespace {

constexpr const char* kSound = "sound";

// The rate at which the role of the sound wants it; 0 when no role does.
std::int64_t wanted_rate(const std::map<std::string, RoleOptions>& roles) {
  for (const auto& [name, role] : roles) {
    if (std::find(role.members.begin(), role.members.end(), kSound) != role.members.end()) return role.sample_rate;
  }
  return 0;
}

class ClipsReader : public MemberReader {
 public:
  ClipsReader(std::unique_ptr<MemberReader> films, VideoOptions options, const MemberRequest& request)
      : films_(std::move(films)), options_(std::move(options)), sample_rate_(wanted_rate(request.roles)) {
    form_ = {options_.clip_seconds, options_.frames, request.limits.film()};
  }

  std::optional<Members> next() override {
    while (clip_ == count_) {
      auto film = films_->next();
      if (!film) return std::nullopt;
      film_ = std::move(*film);
      try {
        if (film_.error.empty()) open_film();
      } catch (const InputError& error) {
        film_.error = error.what();
      }
      if (!film_.error.empty()) {
        clip_ = count_ = 0;
        return Members{.key = film_.key, .error = film_.error};
      }
    }
    return next_clip();
  }

 private:
  void open_film() {
    std::string ending;
    for (const std::string& candidate : options_.files) {
      if (!film_.bytes.contains(candidate)) continue;
      if (!ending.empty()) throw InputError(film_.key, "", "has both ." + ending + " and ." + candidate);
      ending = candidate;
    }
    if (ending.empty()) throw InputError(film_.key, "", "has no film");
    clips_.reset();
    sound_.reset();
    bytes_ = std::move(film_.bytes.at(ending));
    film_.bytes.erase(ending);
    const std::string name = film_.key + "." + ending;
    clips_ = std::make_unique<ClipReader>(bytes_, name, form_);
    if (sample_rate_ > 0) open_sound(name);
    clip_ = 0;
    count_ = clips_->count();
    if (count_ == 0) throw InputError(name, "", "is shorter than a clip");
  }

  // A film may be silent; whether its clips may lack the sound is for the role to say.
  void open_sound(const std::string& name) {
    const auto streams = read_streams(bytes_, name);
    if (std::none_of(streams.begin(), streams.end(), [](const StreamForm& stream) { return stream.kind == "audio"; }))
      return;
    AudioLimits limits;
    limits.max_seconds = form_.limits.max_seconds;
    sound_ = std::make_unique<SoundReader>(bytes_, name, sample_rate_, limits);
  }

  Members next_clip() {
    Members members = film_;  // side-files and fields
    members.key = wording_key(film_.key, static_cast<std::size_t>(clip_), static_cast<std::size_t>(count_));
    const std::int64_t clip = clip_++;
    members.fields["start"] = static_cast<double>(clip) * options_.clip_seconds;
    if (!members.error.empty()) return members;  // damaged before
    try {
      add_frames(members, clips_->next());
      if (sound_) add_sound(members, clip);
    } catch (const InputError& error) {
      film_.error = members.error = error.what();
    }
    return members;
  }

  void add_frames(Members& members, std::vector<Image> frames) const {
    for (std::size_t frame = 0; frame < frames.size(); ++frame) {
      const std::string name = frames.size() == 1 ? "frame" : "frame-" + std::to_string(frame + 1);
      members.media.emplace(name, std::move(frames[frame]));
    }
  }

  // Clips come in order, and so do the parts of the sound.
  void add_sound(Members& members, std::int64_t clip) const {
    const auto place = [this](std::int64_t of) {
      const double seconds = static_cast<double>(of) * options_.clip_seconds;
      return static_cast<std::int64_t>(seconds * static_cast<double>(sample_rate_) + 0.5);
    };
    const at::Tensor samples_N = sound_->read(place(clip + 1) - place(clip));
    if (samples_N.numel() > 0) members.media.emplace(kSound, Audio{samples_N, sample_rate_});
  }

  std::unique_ptr<MemberReader> films_;
  VideoOptions options_;
  std::int64_t sample_rate_;
  ClipForm form_;
  Members film_;       // without the film itself; its error stands for all clips from there on
  std::string bytes_;  // of the film
  std::unique_ptr<ClipReader> clips_;
  std::unique_ptr<SoundReader> sound_;  // null for a silent one
  std::int64_t clip_ = 0, count_ = 0;
};

bool is_folder(const DataOptions& data) {
  return !is_pattern(data.source) && std::filesystem::is_directory(find_data(data.source, "data.source"));
}

// The roles as a source of films reads them: the films too.
std::map<std::string, RoleOptions> with_films(std::map<std::string, RoleOptions> roles, const VideoOptions& options) {
  roles[""].members = options.files;
  return roles;
}

std::unique_ptr<Source> open_films(const DataOptions& data, MemberRequest request) {
  const MemberRequest clips = request;
  request.roles = with_films(request.roles, data.video);
  auto films = is_folder(data) ? folder_reader(find_data(data.source, "data.source"), data.table, std::move(request))
                               : tar_reader(find_data_files(data.source, "data.source"), data.tar, std::move(request));
  return video_source(std::move(films), data.video, clips);
}

std::string identity_of_films(const DataOptions& data) {
  DataOptions films = data;
  films.roles = with_films(data.roles, data.video);
  return (is_folder(data) ? folder_form() : tar_form()).identity(films);
}

}  // namespace

std::unique_ptr<Source> video_source(std::unique_ptr<MemberReader> films, const VideoOptions& options,
                                     const MemberRequest& request) {
  return member_source(std::make_unique<ClipsReader>(std::move(films), options, request), request);
}

SourceForm video_form() {
  return {
      "video",           "films in a folder or in tars, cut into clips: the members frame and sound, and side-files",
      "video",           nullptr,
      identity_of_films, open_films,
  };
}

}  // namespace palimpsest
