#include "experiments/evaluation/scorer_task.h"

#include <ATen/core/grad_mode.h>

#include "experiments/evaluation/retrieval.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kBlurFactor = 2;  // of the blur: half size and back
constexpr std::int64_t kValidationQueries = 256;

std::vector<std::vector<std::size_t>> group_by_concept(const std::vector<CaptionedPicture>& samples) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < samples.size(); ++i) groups[samples[i].concept_name].push_back(i);
  std::vector<std::vector<std::size_t>> lists;
  for (auto& [name, members] : groups) lists.push_back(std::move(members));
  return lists;
}

// Moves the picture by (rows, columns), repeating its border.
at::Tensor shifted_HWC(const at::Tensor& pixels_HWC, std::int64_t rows, std::int64_t columns) {
  const auto source = [](std::int64_t size, std::int64_t by) {
    return (at::arange(size, at::kLong) - by).clamp(0, size - 1);
  };
  return pixels_HWC.index_select(0, source(pixels_HWC.size(0), rows))
      .index_select(1, source(pixels_HWC.size(1), columns));
}

at::Tensor blurred_HWC(const at::Tensor& pixels_HWC) {
  const at::Tensor planes = pixels_HWC.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat);
  const at::Tensor small = at::avg_pool2d(planes, kBlurFactor);
  const at::Tensor again = at::upsample_bilinear2d(small, {planes.size(2), planes.size(3)}, false);
  return again.squeeze(0).permute({1, 2, 0}).round().to(at::kByte);
}

}  // namespace

ScorerTask::ScorerTask(const Settings& settings, std::vector<CaptionedPicture> train,
                       std::vector<CaptionedPicture> held_out)
    : settings_(settings),
      scorer_(settings.scorer, settings.key.fold("initial")),
      train_(std::move(train)),
      held_out_(std::move(held_out)),
      by_concept_(group_by_concept(train_)) {
  TORCH_CHECK(by_concept_.size() >= 2, "scorer: training needs at least two concepts, got ", by_concept_.size());
  settings_.batch = std::min(settings_.batch, static_cast<std::int64_t>(by_concept_.size()));
}

const CaptionedPicture& ScorerTask::picked(std::uint64_t drawn, RandomKey key) const {
  const std::uint64_t concepts = by_concept_.size();
  const auto& group =
      by_concept_[permuted_index(key.fold("concepts").fold(drawn / concepts), drawn % concepts, concepts)];
  return train_[group[key.fold("picture").below(group.size(), drawn)]];
}

at::Tensor ScorerTask::augmented_HWC(const at::Tensor& pixels_HWC, RandomKey key) const {
  const auto range = static_cast<std::uint64_t>(2 * settings_.scorer.shift + 1);
  const auto offset = [&](std::uint64_t draw) {
    return static_cast<std::int64_t>(key.below(range, draw)) - settings_.scorer.shift;
  };
  const at::Tensor moved_HWC = shifted_HWC(pixels_HWC, offset(0), offset(1));
  return key.uniform(2) < settings_.scorer.blur ? blurred_HWC(moved_HWC) : moved_HWC;
}

std::string ScorerTask::text_of(const CaptionedPicture& sample, RandomKey key) const {
  std::string text = sample.caption;
  if (key.uniform(0) >= settings_.scorer.keywords) return text;
  for (std::size_t i = 0; i < sample.keywords.size(); ++i) {
    if (key.uniform(i + 1) < 0.5) text += " " + sample.keywords[i];
  }
  return text;
}

LossReport ScorerTask::loss(const StepPosition& position) {
  // Whole batches of one round of concepts hold each concept once; the round's remainder waits for another order.
  const std::uint64_t batch = static_cast<std::uint64_t>(settings_.batch), concepts = by_concept_.size();
  const std::uint64_t a_round = concepts / batch, number = static_cast<std::uint64_t>(position.step);
  const std::uint64_t first = number / a_round * concepts + number % a_round * batch;
  const RandomKey key = settings_.key.fold("order").fold(static_cast<std::uint64_t>(position.micro_batch));
  std::vector<at::Tensor> pixels;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < batch; ++i) {
    const CaptionedPicture& sample = picked(first + i, key);
    const RandomKey draws = key.fold("augment").fold(first + i);
    pixels.push_back(augmented_HWC(sample.pixels_HWC, draws.fold("picture")));
    texts.push_back(text_of(sample, draws.fold("text")));
  }
  const at::Tensor loss = scorer_.loss(at::stack(pixels), scorer_.bags(texts));
  return {loss, {{"infonce", loss.item<double>()}}};
}

std::map<std::string, double> ScorerTask::validate(std::int64_t) {
  if (held_out_.empty()) return {};
  std::vector<std::string> concepts;
  for (const CaptionedPicture& sample : held_out_) concepts.push_back(sample.concept_name);
  std::vector<bool> hits;
  for (const QueryBlock& block :
       draw_blocks(concepts, kValidationQueries, settings_.key.fold("validate"), "held-out pictures")) {
    std::vector<Image> pictures;
    std::vector<std::string> captions;
    for (const std::int64_t row : block) {
      pictures.push_back({held_out_[static_cast<std::size_t>(row)].pixels_HWC});
      captions.push_back(held_out_[static_cast<std::size_t>(row)].caption);
    }
    const auto preferred = preferred_captions(scorer_, pictures, captions);
    hits.insert(hits.end(), preferred.begin(), preferred.end());
  }
  return {
      {"accuracy", static_cast<double>(std::count(hits.begin(), hits.end(), true)) / static_cast<double>(hits.size())}};
}

std::map<std::string, double> ScorerTask::units_a_step() const {
  return {{"pictures", static_cast<double>(settings_.batch)}};
}

std::vector<bool> preferred_captions(const ContrastiveScorer& scorer, const std::vector<Image>& pictures,
                                     const std::vector<std::string>& captions) {
  return diagonal_picked(scorer.similarity(pictures, captions));
}

}  // namespace palimpsest
