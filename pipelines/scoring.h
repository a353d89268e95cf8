// Scoring: how likely wanted roles are given others, by the bound that the backbone was trained on.
//
// Shapes: Q queries, C candidates, K Monte Carlo draws, L positions, B rows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipelines/sampling/diffusion_model.h"

namespace palimpsest {

struct ScoringOptions {
  std::int64_t times = 16;     // K: draws of how many and which positions are noised; any number
  std::int64_t rows = 64;      // of one network call
  bool count_filling = false;  // count the `end` filling after the first `end` too
  std::int64_t seed = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("times", self.times, "Monte Carlo draws of the bound");
    visitor("rows", self.rows, "canvas rows of one network call");
    visitor("count_filling", self.count_filling, "count the end filling after the first end too");
    visitor("seed", self.seed, "seed of the masks");
  }
  void validate() const;
};

// Contents by role, as local ids: what is given and what is scored. All scored roles are noised together.
struct ScoredDocument {
  std::map<std::string, at::Tensor> given;
  std::map<std::string, at::Tensor> scored;
};

struct Bound {
  double nats = 0;  // upper bound estimate of -log p(scored | given), of the whole document
  // Of `nats`, from the spread over mirrored pairs of draws (over single draws where noise is not masks); on the large
  // side, for the draws are stratified. Infinite where there is but one to spread over.
  double standard_error = 0;
  struct Part {
    double nats = 0;
    std::int64_t tokens = 0;
    double standard_error = 0;  // of `nats`, likewise
    double nats_per_token() const;
    double bits_per_token() const;
    // Of the data that the tokens stand for, such as a picture's rows x columns x channels. An upper bound only as far
    // as the tokenizer loses nothing.
    double bits_per_dimension(std::int64_t dimensions) const;
  };
  std::map<std::string, Part> by_modality;
};

// For the absorbing process with one mask rate for all scored positions and a time-free denoiser, the NELBO integral
// over t (MDLM, arXiv 2406.07524) equals, whatever the schedule,
//   E_{n ~ U{1..L}, |S| = n} [ L/n sum_{l in S} -log p(x_l | x_{not S}) ]     (LLaDA, arXiv 2502.09992)
// and this is a bound for any other denoiser too: an autoregressive model of random order (arXiv 2110.02037). The
// network is told each modality's time of the share n/L. n is stratified over its range, and draws k and K-1-k use
// mirrored uniforms, so that together they mask nearly every position once; of an odd K the middle one is alone. The
// draws depend on seed and position only: all documents of a call share them (common random numbers).
//
// Models of other processes are scored by their own bound (elbo.h) at K times, stratified in the root of the noise's
// share, which all modalities have alike.
std::vector<Bound> likelihood_bounds(const DiffusionModel& model, const std::vector<ScoredDocument>& documents,
                                     const ScoringOptions& options);

// log p of every candidate after every query.
struct ScoreMatrix {
  at::Tensor log_prob_QC;       // float64, minus the bound in nats
  at::Tensor log_prior_C;       // float64: the same with the query's roles hidden
  at::Tensor log_mean_prior_C;  // float64: log of the mean over the queries of p(candidate | query)

  // log p(candidate | query) - log p(candidate), by either prior.
  at::Tensor pointwise_information_QC(bool hidden_prior = false) const;
};

// `queries` are contents that are given, `candidates` contents that are scored (roles to local ids; every query has the
// same roles, and so has every candidate). Each candidate meets the same masks under every query; only its own
// positions go through the head.
ScoreMatrix score_matrix(const DiffusionModel& model, const std::vector<std::map<std::string, at::Tensor>>& queries,
                         const std::vector<std::map<std::string, at::Tensor>>& candidates,
                         const ScoringOptions& options);

}  // namespace palimpsest
