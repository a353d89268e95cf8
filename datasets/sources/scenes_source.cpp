#include "datasets/sources/scenes_source.h"

#include "datasets/scenes/draw.h"
#include "datasets/scenes/picture.h"
#include "datasets/scenes/tones.h"
#include "datasets/sources/drawn_source.h"

namespace palimpsest {

namespace {

// Raised whenever the same options make other scenes, captions, pictures, tones or meta.
constexpr const char* kLawOfScenes = "scenes, law 2";

const std::vector<DrawnRole>& scene_roles() {
  static const std::vector<DrawnRole> roles{
      {"caption", "text"}, {"picture", "image"}, {"tones", "audio"}, {"mark", "text"}};
  return roles;
}

std::int64_t side_of(const RoleOptions& role) { return role.rows == 0 ? PictureForm{}.side : role.rows; }

class DrawnScenes : public DrawnSamples {
 public:
  DrawnScenes(const SceneOptions& options, const std::string& split)
      : options_(options), law_(options, split, [share = split_of(options, split)](const std::string& scene) {
          return in_share(scene, share.from, share.to);
        }) {}

  std::int64_t samples() const override { return law_.samples(); }

  Sample draw(std::int64_t index, const std::map<std::string, RoleOptions>& roles) const override {
    const SceneSample drawn = law_.draw(index);
    Sample sample;
    RoleBoxes boxes;
    for (const auto& [name, role] : roles) {
      sample.roles[name] = media(drawn, role);
      if (role.members.front() == "picture") boxes[name] = picture_boxes(drawn.scene, form_of(role), key_of(drawn));
    }
    sample.meta["scene"] = to_json(drawn.scene);
    sample.meta[kObjectsKey] = to_json(boxes);
    for (const Attribute attribute : options_.tones_tell) sample.meta["tones_tell"].push_back(enum_name(attribute));
    return sample;
  }

 private:
  PictureForm form_of(const RoleOptions& role) const { return {side_of(role), options_.jitter}; }
  static RandomKey key_of(const SceneSample& drawn) { return drawn.key.fold("picture"); }

  Media media(const SceneSample& drawn, const RoleOptions& role) const {
    const std::string& what = role.members.front();
    if (what == "picture") return draw_picture(drawn.scene, form_of(role), key_of(drawn));
    if (what == "tones") return sound_tones(drawn.scene, options_.tones_tell, role.sample_rate);
    return Text{what == "mark" ? std::to_string(drawn.mark) : drawn.caption(options_)};
  }

  SceneOptions options_;
  SceneLaw law_;
};

void check_forms(const std::map<std::string, RoleOptions>& roles, std::int64_t grid) {
  for (const auto& [name, role] : roles) {
    if (role.kind == "audio" && role.sample_rate < kLeastSampleRate) {
      throw InputError("", "data.roles." + name + ".sample_rate",
                       "must be at least " + std::to_string(kLeastSampleRate) + " for tones");
    }
    if (role.kind != "image") continue;
    if (role.rows != role.columns)
      throw InputError("", "data.roles." + name + ".rows", "pictures of scenes are square");
    if (side_of(role) < kLeastCell * grid) {
      throw InputError(
          "", "data.roles." + name + ".rows",
          "must be at least " + std::to_string(kLeastCell * grid) + " for a grid of " + std::to_string(grid));
    }
  }
}

std::string identity_of_scenes(const DataOptions&) { return kLawOfScenes; }

std::unique_ptr<Source> open_scenes(const DataOptions& data, MemberRequest request) {
  check_forms(request.roles, data.scenes.grid);
  auto scenes = std::make_unique<DrawnScenes>(data.scenes, request.split);
  return drawn_source(std::move(scenes), scene_roles(), std::move(request));
}

}  // namespace

SourceForm scenes_form() {
  return {"scenes",           "coloured shapes in relations, drawn by a law: caption, picture, tones, mark",
          "scenes",           nullptr,
          identity_of_scenes, open_scenes};
}

}  // namespace palimpsest
