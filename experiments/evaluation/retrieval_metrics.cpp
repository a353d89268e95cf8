// Retrieval and likelihood: metrics that score and make nothing.
#include <cmath>

#include "experiments/evaluation/evaluation.h"
#include "pipelines/scoring.h"

namespace palimpsest {

namespace {

constexpr double kRetrievalChance = 1.0 / kCandidates;
constexpr std::int64_t kLikelihoodRows = 128;
constexpr std::int64_t kUnigramRows = 2048;

ScoringOptions scoring_options(const EvaluationContext& context) {
  ScoringOptions options;
  options.times = context.options.times;
  options.seed = static_cast<std::int64_t>(context.seed);
  return options;
}

std::vector<Contents> contents_of(const HeldOut& split, const QueryBlock& block, const std::string& role) {
  std::vector<Contents> all;
  for (const std::int64_t row : block) all.push_back(split.contents(row, {role}));
  return all;
}

// Caption for an item and item for a caption, where items are pictures or speech.
std::vector<MetricRow> caption_retrieval(const EvaluationContext& context, const std::string& split_name,
                                         const std::string& item, const std::string& noun) {
  const HeldOut& split = context.split(split_name);
  const std::string& caption = context.options.caption;
  const auto blocks = split.blocks(split.rows_with({caption, item}), context.options.queries, context.key("blocks"));
  const DiffusionModel model = context.model.diffusion_model();
  const RetrievalHits ours = retrieve(blocks, [&](const QueryBlock& block) {
    return score_matrix(model, contents_of(split, block, item), contents_of(split, block, caption),
                        scoring_options(context));
  });
  RetrievalHits copied;
  for (const QueryBlock& block : blocks) {
    const auto captions = diagonal_picked(context.neighbours->block_scores(split, block, item, caption));
    const auto items = diagonal_picked(context.neighbours->block_scores(split, block, caption, item));
    copied.captions.insert(copied.captions.end(), captions.begin(), captions.end());
    copied.items.insert(copied.items.end(), items.begin(), items.end());
  }
  const std::string rule = "top 1 of 32 by log p(caption|" + item + ") - log p(caption), ";
  MetricRow captions = rate_row("caption for " + noun, split_name, ours.captions);
  captions.baseline = rate_of(copied.captions);
  captions.note = rule + "p(caption) the mean over the 32; baseline: the caption of the nearest training " + item;
  MetricRow by_own_prior =
      rate_row("caption for " + noun + ", by its own prior", split_name, ours.captions_by_own_prior);
  by_own_prior.baseline = captions.baseline;
  by_own_prior.note = rule + "p(caption) as the model has it without " + noun;
  MetricRow items = rate_row(noun + " for a caption", split_name, ours.items);
  items.baseline = rate_of(copied.items);
  items.note = "top 1 of 32 by log p(caption|" + item + "); baseline: the " + item + " of the nearest training caption";
  captions.chance = by_own_prior.chance = items.chance = kRetrievalChance;
  return {captions, by_own_prior, items};
}

// Cross-entropy in bits of a split's ids of one role under the training ids' frequencies (add-one smoothed).
double unigram_bits(const HeldOut& train, const HeldOut& split, const std::string& role, std::int64_t num_ids) {
  at::Tensor counts = at::ones({num_ids}, at::kDouble);
  const auto train_rows = train.rows_with({role});
  for (std::size_t i = 0; i < train_rows.size() && i < static_cast<std::size_t>(kUnigramRows); ++i) {
    counts += at::bincount(train.ids(train_rows[i], role), {}, num_ids);
  }
  const at::Tensor bits = -(counts / counts.sum()).log2();
  double sum = 0;
  std::int64_t tokens = 0;
  for (const std::int64_t row : split.rows_with({role})) {
    const at::Tensor ids_L = split.ids(row, role);
    sum += bits.index_select(0, ids_L).sum().item<double>();
    tokens += ids_L.numel();
  }
  return sum / static_cast<double>(tokens);
}

}  // namespace

std::vector<MetricRow> picture_retrieval(const EvaluationContext& context, const std::string& split) {
  return caption_retrieval(context, split, context.options.picture, "a picture");
}

std::vector<MetricRow> speech_retrieval(const EvaluationContext& context, const std::string& split) {
  return caption_retrieval(context, split, context.options.speech, "speech");
}

std::vector<MetricRow> likelihood(const EvaluationContext& context, const std::string& split_name) {
  const HeldOut& split = context.split(split_name);
  std::vector<MetricRow> metrics;
  for (const Role& role : context.model.schema.roles()) {
    if (!split.has(role.name)) continue;
    auto rows = split.rows_with({role.name});
    rows.resize(std::min<std::size_t>(rows.size(), kLikelihoodRows));
    std::vector<ScoredDocument> documents;
    for (const std::int64_t row : rows) documents.push_back({{}, split.contents(row, {role.name})});
    std::vector<double> bits;
    for (const Bound& bound : likelihood_bounds(context.model.diffusion_model(), documents, scoring_options(context))) {
      bits.push_back(bound.by_modality.begin()->second.bits_per_token());
    }
    MetricRow metric = mean_row("likelihood bound of the " + role.name + " alone", split_name, Unit::kBits, bits);
    const CodeSpace& space = context.model.tokenizers.at(role.name)->space();
    metric.baseline = unigram_bits(context.neighbours->train(), split, role.name, space.size());
    metric.chance = std::log2(static_cast<double>(space.size()) / static_cast<double>(space.sub_range_sizes.size()));
    metric.note = "NELBO from " + std::to_string(context.options.times) +
                  " masks a sample, lower is better; baseline: token frequencies";
    metrics.push_back(metric);
  }
  return metrics;
}

}  // namespace palimpsest
