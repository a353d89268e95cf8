// Evaluation: which metrics are measured on which held-out splits, and how.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/evaluation/held_out.h"
#include "experiments/evaluation/metric.h"
#include "experiments/evaluation/nearest.h"
#include "experiments/evaluation/scorer.h"
#include "pipelines/model.h"
#include "pipelines/sampling/options.h"

namespace palimpsest {

enum class MetricKind {
  kPictureRetrieval,
  kSpeechRetrieval,
  kCaptionToPicture,
  kCaptionToSpeech,
  kPictureToCaption,
  kSpeechToCaption,
  kInpainting,
  kLikelihood,
  kScenes,
  kPuzzles
};
constexpr auto enum_names(MetricKind) {
  return std::array{std::pair{MetricKind::kPictureRetrieval, "picture-retrieval"},
                    std::pair{MetricKind::kSpeechRetrieval, "speech-retrieval"},
                    std::pair{MetricKind::kCaptionToPicture, "caption-to-picture"},
                    std::pair{MetricKind::kCaptionToSpeech, "caption-to-speech"},
                    std::pair{MetricKind::kPictureToCaption, "picture-to-caption"},
                    std::pair{MetricKind::kSpeechToCaption, "speech-to-caption"},
                    std::pair{MetricKind::kInpainting, "inpainting"},
                    std::pair{MetricKind::kLikelihood, "likelihood"},
                    std::pair{MetricKind::kScenes, "scenes"},
                    std::pair{MetricKind::kPuzzles, "puzzles"}};
}

// [evaluation] of a recipe.
struct EvaluationOptions {
  std::int64_t queries = 256;        // of each retrieval and split; a multiple of 32
  std::int64_t generated = 96;       // media made for each generation metric and split; a multiple of 32
  std::int64_t times = 16;           // Monte Carlo draws of a likelihood bound
  std::vector<std::string> metrics;  // names of MetricKind; empty: all that the checkpoint's roles allow
  // Not every split holds out everything: pictures of emoji4's unseen-voice and captions of its unseen-style were
  // trained on. None named: those of emoji4 where the data have them, otherwise all but `train`.
  std::vector<std::string> picture_splits, speech_splits;
  std::string train = "train";                                              // where the baseline copies from
  std::string caption = "caption", picture = "picture", speech = "speech";  // the roles
  std::string tones = "tones", puzzle = "puzzle", solution = "solution", candidate = "candidate", verdict = "verdict";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("queries", self.queries, "retrieval queries a split, a multiple of 32");
    visitor("generated", self.generated, "media made a generation metric and split, a multiple of 32");
    visitor("times", self.times, "Monte Carlo draws of a likelihood bound");
    visitor("metrics", self.metrics, "which to measure; none named: all");
    visitor("picture_splits", self.picture_splits,
            "splits that hold out pictures, scenes or puzzles; none named: all but the training split (emoji4: its own "
            "two)");
    visitor("speech_splits", self.speech_splits, "splits that hold out speech; none named: as above");
    visitor("train", self.train, "split the nearest-neighbour baseline copies from");
    visitor("caption", self.caption, "role of the captions");
    visitor("picture", self.picture, "role of the pictures");
    visitor("speech", self.speech, "role of the speech");
    visitor("tones", self.tones, "role of the tones of scenes");
    visitor("puzzle", self.puzzle, "role of puzzles");
    visitor("solution", self.solution, "role of their solutions");
    visitor("candidate", self.candidate, "role of candidates for a solution");
    visitor("verdict", self.verdict, "role of what is said of candidates");
  }
  void validate() const;
  bool measures(MetricKind kind) const;
};

// What the metrics share. `originals` gives the media that a split's rows were made from, by key; empty where they are
// not at hand (then the rows about originals are left out).
using Originals = std::function<std::map<std::string, Media>(const std::string& split, const std::string& role)>;

struct EvaluationContext {
  const Model& model;
  EvaluationOptions options;
  SamplerOptions sampler;
  std::map<std::string, std::shared_ptr<HeldOut>> splits;
  std::shared_ptr<NearestNeighbours> neighbours;
  std::shared_ptr<ContrastiveScorer> scorer;  // none: caption-to-picture is left out
  Originals originals;
  std::uint64_t seed = 0;

  RandomKey key(std::string_view purpose) const { return RandomKey::root(seed).fold("evaluate").fold(purpose); }
  const HeldOut& split(const std::string& name) const;
};

// Opens the splits of `data` that the options name. InputError: a split that is not there, options that break their
// rules.
EvaluationContext open_evaluation(const Model& model, const EvaluationOptions& options,
                                  const std::filesystem::path& data, std::uint64_t seed);

// Rows of one metric on one split.
std::vector<MetricRow> picture_retrieval(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> speech_retrieval(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> caption_to_picture(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> caption_to_speech(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> picture_to_caption(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> speech_to_caption(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> inpainting(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> likelihood(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> scenes(const EvaluationContext& context, const std::string& split);
std::vector<MetricRow> puzzles(const EvaluationContext& context, const std::string& split);

// Names of all metrics that the options name and the checkpoint's roles allow: "inpainting on unseen-style".
std::vector<std::string> planned_metrics(const EvaluationContext& context);

// Measures them, with progress on stderr. Those named in
// `finished` (by an interrupted run with the same settings; "inpainting on unseen-style") are passed over; `sink` gets
// each metric as it is done.
using MetricSink = std::function<void(const std::string& name, const std::vector<MetricRow>& rows)>;
std::vector<MetricRow> evaluate(const EvaluationContext& context, const std::vector<std::string>& finished,
                                const MetricSink& sink);

}  // namespace palimpsest
