#include "experiments/evaluation/evaluation.h"

#include "base/errors.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "datasets/shards/manifest.h"

namespace palimpsest {

namespace {

using Metric = std::vector<MetricRow> (*)(const EvaluationContext&, const std::string&);

// One metric on one split, to be measured.
struct Job {
  MetricKind kind;
  Metric metric;
  std::string split;

  std::string name() const { return enum_name(kind) + " on " + split; }
};

struct Entry {
  MetricKind kind;
  Metric metric;
  std::vector<std::string> EvaluationOptions::*splits;
  std::vector<std::string> roles;                   // it needs
  bool (*applies)(const HeldOut& split) = nullptr;  // to data of one kind only
};

bool holds_scenes(const HeldOut& split) { return split.rows() > 0 && split.meta(0).contains("scene"); }
bool holds_puzzles(const HeldOut& split) { return split.rows() > 0 && split.meta(0).contains("puzzle"); }

std::vector<Entry> entries(const EvaluationOptions& options) {
  constexpr auto kPictures = &EvaluationOptions::picture_splits, kSpeech = &EvaluationOptions::speech_splits;
  const std::string &caption = options.caption, &picture = options.picture, &speech = options.speech;
  return {{MetricKind::kPictureRetrieval, picture_retrieval, kPictures, {caption, picture}},
          {MetricKind::kSpeechRetrieval, speech_retrieval, kSpeech, {caption, speech}},
          {MetricKind::kCaptionToPicture, caption_to_picture, kPictures, {caption, picture}},
          {MetricKind::kCaptionToSpeech, caption_to_speech, kSpeech, {caption, speech}},
          {MetricKind::kPictureToCaption, picture_to_caption, kPictures, {caption, picture}},
          {MetricKind::kSpeechToCaption, speech_to_caption, kSpeech, {caption, speech}},
          {MetricKind::kInpainting, inpainting, kPictures, {picture}},
          {MetricKind::kLikelihood, likelihood, kPictures, {}},
          {MetricKind::kScenes, scenes, kPictures, {}, holds_scenes},
          {MetricKind::kPuzzles, puzzles, kPictures, {}, holds_puzzles}};
}

bool has_role(const CanvasSchema& schema, const std::string& name) {
  return std::any_of(schema.roles().begin(), schema.roles().end(), [&](const Role& role) { return role.name == name; });
}

std::vector<Job> planned_jobs(const EvaluationContext& context) {
  std::vector<Job> jobs;
  for (const Entry& entry : entries(context.options)) {
    const bool possible = std::all_of(entry.roles.begin(), entry.roles.end(),
                                      [&](const auto& role) { return has_role(context.model.schema, role); });
    if (!possible || !context.options.measures(entry.kind)) continue;
    if (entry.kind == MetricKind::kCaptionToPicture && !context.scorer) continue;
    for (const std::string& split : context.options.*entry.splits) {
      if (!entry.applies || entry.applies(context.split(split))) jobs.push_back({entry.kind, entry.metric, split});
    }
  }
  return jobs;
}

// `named`, or those of `usual` when the data have all of them, or all splits but the training one.
std::vector<std::string> chosen_splits(const std::vector<std::string>& named, const std::vector<std::string>& usual,
                                       const std::filesystem::path& data, const std::string& train) {
  if (!named.empty()) return named;
  const auto splits = read_manifest(data).splits;
  if (std::all_of(usual.begin(), usual.end(), [&](const auto& name) { return splits.contains(name); })) return usual;
  std::vector<std::string> others;
  for (const auto& [name, entry] : splits) {
    if (name != train) others.push_back(name);
  }
  if (others.empty()) throw InputError(data.string(), "picture-splits", "there is no split but " + train);
  return others;
}

void need_blocks(std::int64_t count, const char* key) {
  if (count < kCandidates || count % kCandidates != 0) throw InputError("", key, "must be a positive multiple of 32");
}

}  // namespace

void EvaluationOptions::validate() const {
  need_blocks(queries, "queries");
  need_blocks(generated, "generated");
  if (times < 2 || times % 2 != 0) throw InputError("", "times", "must be a positive even number");
  for (const std::string& name : metrics) parse_enum<MetricKind>(name, "", "metrics");
}

bool EvaluationOptions::measures(MetricKind kind) const {
  return metrics.empty() || std::find(metrics.begin(), metrics.end(), enum_name(kind)) != metrics.end();
}

const HeldOut& EvaluationContext::split(const std::string& name) const {
  const auto found = splits.find(name);
  TORCH_CHECK(found != splits.end(), "evaluation: split ", name, " was not opened");
  return *found->second;
}

EvaluationContext open_evaluation(const Model& model, const EvaluationOptions& options,
                                  const std::filesystem::path& data, std::uint64_t seed) {
  options.validate();
  EvaluationContext context{model, options, recipe_options<SamplerOptions>(model.recipe, "sampler"), {}, {}, {},
                            {},    seed};
  EvaluationOptions& chosen = context.options;
  chosen.picture_splits =
      chosen_splits(options.picture_splits, {"unseen-style", "unseen-concept"}, data, options.train);
  chosen.speech_splits = chosen_splits(options.speech_splits, {"unseen-concept", "unseen-voice"}, data, options.train);
  const auto open = [&](const std::string& split) {
    return std::make_shared<HeldOut>(model, open_token_set(data, split), split);
  };
  for (const auto& names : {chosen.picture_splits, chosen.speech_splits}) {
    for (const std::string& name : names) {
      if (!context.splits.contains(name)) context.splits[name] = open(name);
    }
  }
  context.neighbours = std::make_shared<NearestNeighbours>(model, open(options.train));
  return context;
}

std::vector<std::string> planned_metrics(const EvaluationContext& context) {
  std::vector<std::string> names;
  for (const Job& job : planned_jobs(context)) names.push_back(job.name());
  return names;
}

std::vector<MetricRow> evaluate(const EvaluationContext& context, const std::vector<std::string>& finished,
                                const MetricSink& sink) {
  const std::vector<Job> jobs = planned_jobs(context);
  Progress progress("evaluating", static_cast<std::int64_t>(jobs.size()), "metric",
                    static_cast<std::int64_t>(finished.size()));
  std::vector<MetricRow> rows;
  std::int64_t count = 0;
  for (const Job& job : jobs) {
    const std::string name = job.name();
    progress.update(count++, name);
    stop_if_interrupted();
    if (std::find(finished.begin(), finished.end(), name) != finished.end()) continue;
    const std::vector<MetricRow> measured = job.metric(context, job.split);
    rows.insert(rows.end(), measured.begin(), measured.end());
    if (sink) sink(name, measured);
  }
  progress.update(count);
  progress.finish();
  return rows;
}

}  // namespace palimpsest
