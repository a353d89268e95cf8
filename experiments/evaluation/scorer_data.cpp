#include "experiments/evaluation/scorer_data.h"

#include "base/errors.h"
#include "datasets/loading/media_set.h"
#include "modalities/media/image.h"

namespace palimpsest {

std::vector<CaptionedPicture> load_captioned_pictures(const DataOptions& data, const std::string& split,
                                                      const ScorerDataOptions& options, std::int64_t size) {
  std::vector<CaptionedPicture> pictures;
  for (Sample& sample : load_media_set(data, split, {options.picture, options.caption})) {
    const auto* image = std::get_if<Image>(&sample.roles.at(options.picture));
    const auto* text = std::get_if<Text>(&sample.roles.at(options.caption));
    if (!image) throw InputError(data.source, "data.roles." + options.picture, "must be a picture");
    if (!text) throw InputError(data.source, "data.roles." + options.caption, "must be a text");
    CaptionedPicture picture;
    picture.pixels_HWC = fit_image(*image, size, size, FitPolicy::kPad, sample.key).pixels_HWC;
    picture.caption = text->utf8;
    picture.keywords = sample.meta.value("keywords", std::vector<std::string>{});
    picture.concept_name = sample.meta.value("concept", text->utf8);
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

std::unique_ptr<TrainingTask> make_scorer_task(const TaskRequest& request) {
  const auto data = recipe_options<DataOptions>(request.recipe, "data");
  const auto options = recipe_options<ScorerDataOptions>(request.recipe, "pictures");
  ScorerTask::Settings settings;
  settings.scorer = recipe_options<ScorerOptions>(request.recipe, "scorer");
  settings.batch = request.training.batch / request.training.micro_batches;
  settings.key = RandomKey::root(static_cast<std::uint64_t>(request.training.seed)).fold("scorer");
  const auto load = [&](const std::string& split) {
    return load_captioned_pictures(data, split, options, settings.scorer.image_size);
  };
  auto held_out = options.held_out.empty() ? std::vector<CaptionedPicture>{} : load(options.held_out);
  return std::make_unique<ScorerTask>(settings, load(options.train), std::move(held_out));
}

}  // namespace palimpsest
