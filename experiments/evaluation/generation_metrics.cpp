// Metrics of what the model makes: pictures, speech, captions, and the inside of a hole.
#include "experiments/evaluation/evaluation.h"
#include "experiments/evaluation/generation.h"
#include "experiments/evaluation/recogniser.h"
#include "experiments/evaluation/scorer_task.h"

namespace palimpsest {

namespace {

constexpr double kBlockChance = 1.0 / kCandidates;
constexpr Hole kCentre{0.25, 0.25, 0.75, 0.75};

void append(std::vector<bool>& all, const std::vector<bool>& more) { all.insert(all.end(), more.begin(), more.end()); }

template <class Kind>
std::vector<Kind> as(std::vector<Media> media) {
  std::vector<Kind> all;
  for (Media& one : media) all.push_back(std::get<Kind>(std::move(one)));
  return all;
}

std::vector<Media> take_role(const Made& made, const std::string& role) {
  std::vector<Media> media;
  for (const auto& roles : made.media) media.push_back(roles.at(role));
  return media;
}

// The original media of rows; empty when the context has none of them.
std::vector<Media> originals_of(const std::map<std::string, Media>& by_key, const HeldOut& split,
                                const QueryBlock& rows) {
  std::vector<Media> media;
  for (const std::int64_t row : rows) {
    const auto found = by_key.find(split.key(row));
    if (found == by_key.end()) return {};
    media.push_back(found->second);
  }
  return media;
}

// How a judge answers for what was made, and for three things to hold it against.
struct Judged {
  std::vector<bool> made, copied, rebuilt, original;
};

// Judges one block's media against its captions: was each one's own caption picked?
using Judge = std::function<std::vector<bool>(std::vector<Media>, const std::vector<std::string>&)>;

Judged judge_blocks(const EvaluationContext& context, const HeldOut& split, const std::string& role,
                    const std::vector<QueryBlock>& blocks, const Judge& judge) {
  const std::string& caption = context.options.caption;
  const auto originals = context.originals ? context.originals(split.split(), role) : std::map<std::string, Media>{};
  Judged judged;
  for (const QueryBlock& block : blocks) {
    const std::vector<std::string> captions = split.texts(block, caption);
    const Made made =
        generate(context.model, queries_for(split, block, {caption}, {role}), context.sampler, context.seed);
    append(judged.made, judge(take_role(made, role), captions));
    const auto copied = context.neighbours->nearest(split, block, caption);
    append(judged.copied, judge(context.neighbours->train().media(copied, role), captions));
    append(judged.rebuilt, judge(split.media(block, role), captions));
    const auto real = originals_of(originals, split, block);
    if (!real.empty()) append(judged.original, judge(real, captions));
  }
  return judged;
}

std::vector<MetricRow> judged_rows(const Judged& judged, const std::string& name, const std::string& split,
                                   const std::string& note) {
  MetricRow made = rate_row(name, split, judged.made);
  made.baseline = rate_of(judged.copied);
  made.note = note;
  MetricRow rebuilt = rate_row(name + ": the tokenizer's reconstruction", split, judged.rebuilt);
  rebuilt.note = "what the judge says of the true tokens, decoded";
  std::vector<MetricRow> rows{made, rebuilt};
  if (!judged.original.empty()) {
    rows.push_back(rate_row(name + ": the original", split, judged.original));
    rows.back().note = "what the judge says of the real thing";
  }
  for (MetricRow& row : rows) row.chance = kBlockChance;
  return rows;
}

// Rows whose caption the recogniser can hear at all, and no two concepts spoken alike.
std::vector<std::int64_t> audible_rows(const Recogniser& recogniser, const HeldOut& split, const std::string& caption,
                                       const std::string& speech) {
  std::map<std::vector<std::string>, std::string> concept_of;
  std::vector<std::int64_t> audible;
  const auto rows = split.rows_with({caption, speech});
  const auto captions = split.texts(rows, caption);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!recogniser.knows(captions[i])) continue;
    const std::string concept_name = split.concept_of(rows[i]);
    const auto [place, fresh] = concept_of.emplace(spoken_words(captions[i]), concept_name);
    if (fresh || place->second == concept_name) audible.push_back(rows[i]);
  }
  return audible;
}

std::vector<MetricRow> caption_errors(const EvaluationContext& context, const std::string& split_name,
                                      const std::string& role, const std::string& name) {
  const HeldOut& split = context.split(split_name);
  const std::string& caption = context.options.caption;
  std::vector<double> errors, copied_errors;
  std::vector<bool> exact;
  for (const QueryBlock& block :
       split.blocks(split.rows_with({caption, role}), context.options.generated, context.key("captions"))) {
    const auto truth = split.texts(block, caption);
    const Made made =
        generate(context.model, queries_for(split, block, {role}, {caption}), context.sampler, context.seed);
    const auto copied = context.neighbours->train().texts(context.neighbours->nearest(split, block, role), caption);
    for (std::size_t i = 0; i < block.size(); ++i) {
      const std::string& written = std::get<Text>(made.media[i].at(caption)).utf8;
      errors.push_back(character_error_rate(truth[i], written));
      copied_errors.push_back(character_error_rate(truth[i], copied[i]));
      exact.push_back(truth[i] == written);
    }
  }
  MetricRow rate = mean_row(name + ": character errors", split_name, Unit::kErrorRate, errors);
  rate.baseline = mean(copied_errors);
  rate.note =
      "edit distance over the true caption's length, lower is better; baseline: the caption of the nearest training " +
      role;
  MetricRow same = rate_row(name + ": exactly right", split_name, exact);
  same.baseline = static_cast<double>(std::count(copied_errors.begin(), copied_errors.end(), 0.0)) /
                  static_cast<double>(copied_errors.size());
  same.note = "the whole caption, letter by letter";
  return {rate, same};
}

}  // namespace

std::vector<MetricRow> caption_to_picture(const EvaluationContext& context, const std::string& split_name) {
  if (!context.scorer) return {};
  const HeldOut& split = context.split(split_name);
  const std::string &caption = context.options.caption, &picture = context.options.picture;
  const auto blocks =
      split.blocks(split.rows_with({caption, picture}), context.options.generated, context.key("captions"));
  const Judged judged =
      judge_blocks(context, split, picture, blocks, [&](std::vector<Media> media, const auto& captions) {
        return preferred_captions(*context.scorer, as<Image>(std::move(media)), captions);
      });
  return judged_rows(
      judged, "caption to picture", split_name,
      "a scorer trained apart prefers the own caption among 32; baseline: the picture of the nearest training caption");
}

std::vector<MetricRow> caption_to_speech(const EvaluationContext& context, const std::string& split_name) {
  const Recogniser recogniser;
  const HeldOut& split = context.split(split_name);
  const std::string &caption = context.options.caption, &speech = context.options.speech;
  const auto rows = audible_rows(recogniser, split, caption, speech);
  const auto blocks = split.blocks(rows, context.options.generated, context.key("speech"));
  const Judged judged =
      judge_blocks(context, split, speech, blocks, [&](std::vector<Media> media, const auto& captions) {
        const auto heard = recogniser.recognise(as<Audio>(std::move(media)), captions);
        std::vector<bool> hits;
        for (std::size_t i = 0; i < heard.size(); ++i) hits.push_back(heard[i] == i);
        return hits;
      });
  return judged_rows(
      judged, "caption to speech", split_name,
      "pocketsphinx hears the own caption among 32; baseline: the speech of the nearest training caption");
}

std::vector<MetricRow> picture_to_caption(const EvaluationContext& context, const std::string& split) {
  return caption_errors(context, split, context.options.picture, "picture to caption");
}

std::vector<MetricRow> speech_to_caption(const EvaluationContext& context, const std::string& split) {
  return caption_errors(context, split, context.options.speech, "speech to caption");
}

std::vector<MetricRow> inpainting(const EvaluationContext& context, const std::string& split_name) {
  const HeldOut& split = context.split(split_name);
  const std::string& role = context.options.picture;
  std::vector<double> ours, filled;
  for (const QueryBlock& block :
       split.blocks(split.rows_with({role}), context.options.generated, context.key("holes"))) {
    const auto truth = as<Image>(split.media(block, role));
    const Made made = generate(context.model, hole_queries(context.model, split, block, role, kCentre), context.sampler,
                               context.seed);
    const at::Tensor mask_HW = hole_pixels_HW(context.model, role, kCentre, truth.front());
    for (std::size_t i = 0; i < block.size(); ++i) {
      const Image& whole = std::get<Image>(made.media[i].at(role));
      ours.push_back(psnr(truth[i].pixels_HWC, whole.pixels_HWC, mask_HW));
      filled.push_back(psnr(truth[i].pixels_HWC, mean_filled(truth[i], mask_HW).pixels_HWC, mask_HW));
    }
  }
  MetricRow row = mean_row("picture with a hole", split_name, Unit::kDecibel, ours);
  row.baseline = mean(filled);
  row.note =
      "PSNR in the hole (the middle quarter) against the tokenizer's reconstruction, mean over pictures; baseline: the "
      "mean colour of the rest";
  return {row};
}

}  // namespace palimpsest
