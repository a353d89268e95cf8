#include "datasets/sources/video_source.h"

#include "base/errors.h"
#include "datasets/sources/folder_source.h"
#include "datasets/sources/several_texts.h"
#include "datasets/sources/source_files.h"
#include "datasets/sources/tar_source.h"

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
      : films_(std::move(films)), options_(std::move(options)), open_(request.decoding.film) {
    form_ = {{options_.clip_seconds, options_.frames, request.limits.film()}, wanted_rate(request.roles)};
  }

  std::optional<Members> next() override {
    while (clip_ == count_) {
      auto film = films_->next();
      if (!film) return std::nullopt;
      members_ = std::move(*film);
      try {
        if (members_.error.empty()) open();
      } catch (const InputError& error) {
        members_.error = error.what();
      }
      if (!members_.error.empty()) {
        clip_ = count_ = 0;
        return Members{.key = members_.key, .error = members_.error};
      }
    }
    return next_clip();
  }

 private:
  void open() {
    std::string ending;
    for (const std::string& candidate : options_.files) {
      if (!members_.bytes.contains(candidate)) continue;
      if (!ending.empty()) throw InputError(members_.key, "", "has both ." + ending + " and ." + candidate);
      ending = candidate;
    }
    if (ending.empty()) throw InputError(members_.key, "", "has no film");
    film_.reset();
    film_ = open_(std::move(members_.bytes.extract(ending).mapped()), members_.key + "." + ending, form_);
    clip_ = 0;
    count_ = film_->count();
  }

  Members next_clip() {
    Members members = members_;  // side-files and fields
    members.key = wording_key(members_.key, static_cast<std::size_t>(clip_), static_cast<std::size_t>(count_));
    members.fields["start"] = static_cast<double>(clip_++) * options_.clip_seconds;
    if (!members.error.empty()) return members;  // damaged before
    try {
      add_clip(members, film_->next());
    } catch (const InputError& error) {
      members_.error = members.error = error.what();
    }
    return members;
  }

  static void add_clip(Members& members, FilmClip clip) {
    for (std::size_t frame = 0; frame < clip.frames.size(); ++frame) {
      const std::string name = clip.frames.size() == 1 ? "frame" : "frame-" + std::to_string(frame + 1);
      members.media.emplace(name, std::move(clip.frames[frame]));
    }
    if (clip.sound) members.media.emplace(kSound, std::move(*clip.sound));
  }

  std::unique_ptr<MemberReader> films_;
  VideoOptions options_;
  FilmOpener open_;
  FilmForm form_;
  Members members_;  // without the film itself; their error stands for all clips from there on
  std::unique_ptr<FilmClips> film_;
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
