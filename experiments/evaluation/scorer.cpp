#include "experiments/evaluation/scorer.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "base/errors.h"
#include "base/files.h"
#include "base/recipe.h"
#include "base/safetensors.h"
#include "experiments/evaluation/ngrams.h"
#include "modalities/media/image.h"
#include "pipelines/model.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kGroups = 8;  // of group normalisation (arXiv 1803.08494)
constexpr std::int64_t kWidening[] = {1, 2, 4, 5};
constexpr double kFirstLogScale = 2.659;     // log(1/0.07), where CLIP starts
constexpr double kGreatestLogScale = 4.605;  // log(100), where CLIP stops
constexpr std::int64_t kChunk = 64;          // pictures embedded at once

at::Tensor unit_length(const at::Tensor& x_BD) { return x_BD / x_BD.norm(2, 1, true).clamp_min(1e-6); }

std::string layer_name(std::size_t index) { return "image.conv" + std::to_string(index + 1); }

}  // namespace

void ScorerOptions::validate() const {
  if (image_size < 16 || image_size % 16 != 0) throw InputError("", "image_size", "must be a multiple of 16");
  if (width < kGroups || width % kGroups != 0) throw InputError("", "width", "must be a multiple of 8");
  if (embedding < 1) throw InputError("", "embedding", "must be positive");
  if (buckets < 1) throw InputError("", "buckets", "must be positive");
  if (shift < 0 || shift >= image_size) throw InputError("", "shift", "must be at least 0 and less than image_size");
  if (blur < 0 || blur > 1) throw InputError("", "blur", "must lie in [0,1]");
  if (keywords < 0 || keywords > 1) throw InputError("", "keywords", "must lie in [0,1]");
}

ContrastiveScorer::ContrastiveScorer(const ScorerOptions& options, RandomKey key) : options_(options) {
  options_.validate();
  std::int64_t channels = 3;
  for (std::size_t layer = 0; layer < std::size(kWidening); ++layer) {
    const std::int64_t wider = options_.width * kWidening[layer];
    const std::string name = layer_name(layer);
    parameters_.add(name + ".weight", kaiming_init(key, name + ".weight", {wider, channels, 3, 3}, 2.0));
    parameters_.add(name + ".norm.weight", at::ones({wider}));
    parameters_.add(name + ".norm.bias", at::zeros({wider}));
    channels = wider;
  }
  const auto add_linear = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    parameters_.add(name + ".weight", kaiming_init(key, name + ".weight", {outputs, inputs}));
    parameters_.add(name + ".bias", at::zeros({outputs}));
  };
  add_linear("image.project", options_.embedding, 2 * channels);
  parameters_.add("text.embed.weight",
                  normal_init(key, "text.embed.weight", {options_.buckets, options_.embedding}, 0.5));
  add_linear("text.hidden", 2 * options_.embedding, options_.embedding);
  add_linear("text.project", options_.embedding, 2 * options_.embedding);
  parameters_.add("log_scale", at::full({1}, kFirstLogScale));
}

at::Tensor ContrastiveScorer::parameter(const std::string& name) const {
  for (const auto& [known, tensor] : parameters_.items()) {
    if (known == name) return tensor;
  }
  TORCH_CHECK(false, "scorer: no parameter ", name);
}

at::Tensor ContrastiveScorer::linear(const at::Tensor& input, const std::string& name) const {
  return at::linear(input, parameter(name + ".weight"), parameter(name + ".bias"));
}

TextBags ContrastiveScorer::bags(const std::vector<std::string>& texts) const {
  std::vector<std::int64_t> buckets, offsets;
  for (const std::string& text : texts) {
    offsets.push_back(static_cast<std::int64_t>(buckets.size()));
    for (const std::string& feature : features_of(text)) {
      buckets.push_back(static_cast<std::int64_t>(hash64(feature) % static_cast<std::uint64_t>(options_.buckets)));
    }
  }
  return {at::tensor(buckets, at::kLong), at::tensor(offsets, at::kLong)};
}

at::Tensor ContrastiveScorer::embed_pictures_BD(const at::Tensor& pixels_BHWC) const {
  TORCH_CHECK(pixels_BHWC.dim() == 4 && pixels_BHWC.size(1) == options_.image_size &&
                  pixels_BHWC.size(2) == options_.image_size && pixels_BHWC.size(3) == 3,
              "scorer: pictures must be [B,", options_.image_size, ",", options_.image_size, ",3], got ",
              pixels_BHWC.sizes());
  at::Tensor x = pixels_BHWC.permute({0, 3, 1, 2}).to(at::kFloat) / 127.5 - 1.0;
  for (std::size_t layer = 0; layer < std::size(kWidening); ++layer) {
    const std::string name = layer_name(layer);
    x = at::conv2d(x, parameter(name + ".weight"), {}, 2, 1);
    x = at::group_norm(x, kGroups, parameter(name + ".norm.weight"), parameter(name + ".norm.bias"));
    x = at::relu(x);
  }
  const at::Tensor flat = x.flatten(2);
  return unit_length(linear(at::cat({flat.mean(2), flat.amax(2)}, 1), "image.project"));
}

at::Tensor ContrastiveScorer::embed_texts_BD(const TextBags& texts) const {
  const at::Tensor table = parameter("text.embed.weight");
  const at::Tensor mean_BD = std::get<0>(
      at::embedding_bag(table, texts.buckets_N, texts.offsets_B, false, /*mode: mean*/ 1, false, std::nullopt, false));
  return unit_length(mean_BD + linear(at::relu(linear(mean_BD, "text.hidden")), "text.project"));
}

at::Tensor ContrastiveScorer::loss(const at::Tensor& pixels_BHWC, const TextBags& texts) const {
  const at::Tensor scale = parameter("log_scale").clamp_max(kGreatestLogScale).exp();
  const at::Tensor logits_BB = scale * at::matmul(embed_pictures_BD(pixels_BHWC), embed_texts_BD(texts).t());
  const at::Tensor own_B = at::arange(logits_BB.size(0), at::kLong);
  return 0.5 * (at::cross_entropy_loss(logits_BB, own_B) + at::cross_entropy_loss(logits_BB.t(), own_B));
}

at::Tensor ContrastiveScorer::similarity(const std::vector<Image>& pictures,
                                         const std::vector<std::string>& captions) const {
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> fitted, embedded;
  for (const Image& picture : pictures) {
    fitted.push_back(fit_image(picture, options_.image_size, options_.image_size, FitPolicy::kPad).pixels_HWC);
  }
  for (std::size_t begin = 0; begin < fitted.size(); begin += kChunk) {
    const std::size_t end = std::min(fitted.size(), begin + kChunk);
    embedded.push_back(embed_pictures_BD(at::stack(std::vector(fitted.begin() + static_cast<std::ptrdiff_t>(begin),
                                                               fitted.begin() + static_cast<std::ptrdiff_t>(end)))));
  }
  return at::matmul(at::cat(embedded), embed_texts_BD(bags(captions)).t());
}

ContrastiveScorer load_scorer(const std::filesystem::path& directory) {
  const std::filesystem::path checkpoint = resolve_checkpoint(directory.string());
  const Recipe recipe = load_recipe((checkpoint / "recipe.toml").string(), "evaluate");
  if (recipe.table["kind"].value_or(std::string()) != "scorer")
    throw InputError(recipe.file, "kind", "must be \"scorer\"");
  ContrastiveScorer scorer(recipe_options<ScorerOptions>(recipe, "scorer"), RandomKey::root(0));
  const std::filesystem::path weights = weights_of(checkpoint);
  scorer.parameters().load(read_safetensors(weights).tensors, weights.string());
  scorer.parameters().set_requires_grad(false);
  return scorer;
}

}  // namespace palimpsest
