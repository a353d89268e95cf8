// Scenes: what a model makes of one role from another, read back to facts and held against the truth.
#include "datasets/scenes/caption.h"
#include "datasets/scenes/picture.h"
#include "datasets/scenes/tones.h"
#include "experiments/evaluation/answers.h"
#include "experiments/evaluation/generation.h"

namespace palimpsest {

namespace {

enum class SceneRole { kCaption, kPicture, kTones };
constexpr auto enum_names(SceneRole) {
  return std::array{std::pair{SceneRole::kCaption, "caption"}, std::pair{SceneRole::kPicture, "picture"},
                    std::pair{SceneRole::kTones, "tones"}};
}

// What is so: the scene, what its own caption says, what its tones can.
struct Truth {
  Scene scene;
  std::optional<Description> caption;
  Attributes tones_tell;
};

// What a role says of a scene.
struct SceneReading {
  std::optional<Scene> scene;          // of a picture or tones
  std::optional<Description> caption;  // of a caption that is one
};

const std::string& name_in(const EvaluationOptions& options, SceneRole role) {
  return role == SceneRole::kCaption ? options.caption : role == SceneRole::kPicture ? options.picture : options.tones;
}

std::vector<Truth> truths_of(const HeldOut& split, const std::vector<std::int64_t>& rows, const std::string& caption) {
  std::vector<Truth> truths;
  for (const std::int64_t row : rows) {
    const nlohmann::json& meta = split.meta(row);
    Truth truth{scene_from_json(meta.at("scene"), split.key(row)), {}, {}};
    for (const auto& name : meta.value("tones_tell", nlohmann::json::array()))
      truth.tones_tell.push_back(parse_enum<Attribute>(name.get<std::string>(), split.key(row), "tones_tell"));
    truths.push_back(std::move(truth));
  }
  if (!split.has(caption)) return truths;
  const auto texts = split.texts(rows, caption);
  for (std::size_t i = 0; i < rows.size(); ++i) truths[i].caption = read_caption(texts[i]);
  return truths;
}

SceneReading read_scene(const Media& media, SceneRole role, const Truth& truth) {
  switch (role) {
    case SceneRole::kCaption:
      return {{}, read_caption(std::get<Text>(media).utf8)};
    case SceneRole::kPicture:
      return {read_picture(std::get<Image>(media), truth.scene.grid), {}};
    case SceneRole::kTones:
      return {read_tones(std::get<Audio>(media), truth.scene.grid, truth.tones_tell), {}};
  }
  return {};
}

SceneReading reading_of(const Truth& truth, SceneRole role) {
  return role == SceneRole::kCaption ? SceneReading{{}, truth.caption} : SceneReading{truth.scene, {}};
}

// A caption must be true of the scene; a picture or tones must be as the given caption says, or as the scene is.
Rightness rightness(const SceneReading& reading, SceneRole given, SceneRole wanted, const Truth& truth) {
  if (wanted == SceneRole::kCaption) return reading.caption ? agreement(*reading.caption, truth.scene).share() : 0.0;
  if (given == SceneRole::kCaption) return truth.caption ? agreement(*truth.caption, *reading.scene).share() : 0.0;
  return agreement(truth.scene, *reading.scene, truth.tones_tell).share();
}

CheckedAnswers check_scenes(const EvaluationContext& context, const HeldOut& split, SceneRole given, SceneRole wanted) {
  const std::string &from = name_in(context.options, given), &to = name_in(context.options, wanted);
  CheckedAnswers answers;
  const auto blocks = split.blocks(split.rows_with({from, to}), context.options.generated, context.key("scenes"));
  for (const QueryBlock& block : blocks) {
    const auto truths = truths_of(split, block, context.options.caption);
    const Made made = generate(context.model, queries_for(split, block, {from}, {to}), context.sampler, context.seed);
    const auto nearest = context.neighbours->nearest(split, block, from);
    const auto copied = truths_of(context.neighbours->train(), nearest, context.options.caption);
    const auto rebuilt = split.media(block, to);
    for (std::size_t i = 0; i < block.size(); ++i) {
      const auto right = [&](const SceneReading& reading) { return rightness(reading, given, wanted, truths[i]); };
      answers.made.push_back(right(read_scene(made.media[i].at(to), wanted, truths[i])));
      answers.copied.push_back(right(reading_of(copied[i], wanted)));
      answers.rebuilt.push_back(right(read_scene(rebuilt[i], wanted, truths[i])));
      for (std::size_t j = 0; j < block.size(); ++j) {
        if (i != j) answers.others.push_back(right(reading_of(truths[j], wanted)));
      }
    }
  }
  return answers;
}

// Tones that leave out what captions tell cannot be held against a caption.
bool comparable(const HeldOut& split, SceneRole given, SceneRole wanted) {
  if (given == wanted) return false;
  const auto told = split.meta(0).value("tones_tell", nlohmann::json::array()).size();
  return given != SceneRole::kCaption || wanted != SceneRole::kTones || told == enum_choices<Attribute>().size();
}

}  // namespace

std::vector<MetricRow> scenes(const EvaluationContext& context, const std::string& split_name) {
  const HeldOut& split = context.split(split_name);
  std::vector<MetricRow> rows;
  for (const auto& [given, from] : enum_names(SceneRole{})) {
    for (const auto& [wanted, to] : enum_names(SceneRole{})) {
      const auto there = [&](SceneRole role) {
        const std::string& name = name_in(context.options, role);
        return context.model.tokenizers.contains(name) && split.has(name);
      };
      if (!comparable(split, given, wanted) || !there(given) || !there(wanted)) continue;
      const auto measured = checked_rows(check_scenes(context, split, given, wanted),
                                         std::string("scene: ") + from + " to " + to, split_name,
                                         std::string("facts read from what was made; baseline: the ") + to +
                                             " of the nearest training " + from + "; chance: another row's");
      rows.insert(rows.end(), measured.begin(), measured.end());
    }
  }
  return rows;
}

}  // namespace palimpsest
