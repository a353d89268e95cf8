// Absorbing diffusion over a mixed canvas: times, corruption and the objective.
//
// Shapes: B rows, L positions, K modalities, M masked positions, V vocabulary.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backbone/denoiser.h"
#include "backbone/diffusion/schedule.h"
#include "base/random.h"

namespace palimpsest {

enum class LossNormalisation { kPerModality, kPerToken };
constexpr auto enum_names(LossNormalisation) {
  return std::array{std::pair{LossNormalisation::kPerModality, "per-modality"},
                    std::pair{LossNormalisation::kPerToken, "per-token"}};
}

struct DiffusionOptions {
  ScheduleOptions schedule;                          // of every modality without its own
  std::map<std::string, ScheduleOptions> schedules;  // by modality
  std::map<std::string, double> weights;             // loss weight by modality, default 1   (needs scalar maps in options)
  LossNormalisation normalisation = LossNormalisation::kPerModality;  // mean a modality, then weighted sum
  double conditional = 0.8;    // share of documents with at least one role given clean
  double hide_given = 0.1;     // probability that a given role is hidden whole: masked and invisible, no loss
  double end_weight = 1.0;     // loss weight of `end` filling in elastic roles after the first

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("schedule", self.schedule, "noise schedule of every modality without its own");
    visitor("schedules", self.schedules, "noise schedule by modality");
    visitor("weights", self.weights, "loss weight by modality, default 1");
    visitor("normalisation", self.normalisation, "per-modality: mean of each, then weighted sum; per-token: one mean");
    visitor("conditional", self.conditional, "share of documents with at least one role given clean");
    visitor("hide_given", self.hide_given, "probability that a given role is hidden whole (condition dropout)");
    visitor("end_weight", self.end_weight, "loss weight of the end filling after the first end");
  }
  void validate() const;
};

// Times stratified over the sample's index in the global order, in blocks of `block` (the global batch): sample i of modality k
// gets t = (rank of i in a keyed permutation of its block + uniform)/block. A pure function of seed key and global index, whatever
// the micro-batch or worker. float64 [B,K] for the given global indices.
at::Tensor stratified_times_BK(RandomKey key, const std::vector<std::int64_t>& global_indices, std::int64_t block,
                               std::int64_t num_modalities);

// What training does to a canvas: picks given roles (conditional, hide_given), draws times, masks. Row b's draws depend only on
// key and global_indices[b]. One document a row or packed. Frozen, given, hidden and padding positions are never masked-with-loss.
NoisyCanvas corrupt(const TokenCanvas& clean, const CanvasSchema& schema, const DiffusionOptions& options, RandomKey key,
                    const std::vector<std::int64_t>& global_indices, std::int64_t block);

struct DiffusionLoss {
  at::Tensor loss;                          // scalar with gradient
  std::map<std::string, double> nats;       // NELBO estimate, nats a token of the modality (this batch)
};

// Absorbing NELBO: sum over masked positions of elbo_weight(t) * cross-entropy over legal ids, normalised as the options say.
DiffusionLoss diffusion_loss(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                             const CanvasSchema& schema, const DiffusionOptions& options);

// log p of the clean id over the legal ids of each position's class, float32 [M]; illegal ids take no part in the
// log-sum-exp. With gradient. (backbone/diffusion/cross_entropy.h)
at::Tensor legal_log_prob_M(const at::Tensor& logits_MV, const at::Tensor& targets_M, const at::Tensor& legal_class_M,
                            const Vocabulary& vocabulary);

// Legal log-probabilities of every id: float32 [M,V], -inf where illegal. For samplers and scoring.
at::Tensor legal_log_softmax_MV(const at::Tensor& logits_MV, const at::Tensor& legal_class_M, const Vocabulary& vocabulary);

}  // namespace palimpsest
