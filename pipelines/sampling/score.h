// Scores: in which order the positions of a role are written. The greatest first.
//
// Shapes: A coordinates (3), N positions of a role.
#pragma once

#include <span>

#include "pipelines/sampling/spot.h"

namespace palimpsest {

// Nats of a row of log-probabilities.
double entropy_of(std::span<const float> log_prob_V);

// The likeliest id's probability less the next one's (arXiv 2502.06768); the likeliest's own when it is alone.
double margin_of(std::span<const float> log_prob_V);

// Place of each position in the order of the Halton sequence of bases 2 and 3 over the rows and columns of its depth's
// grid; coarse depths first (arXiv 2503.17076).
std::vector<std::int64_t> halton_ranks_N(const at::Tensor& coordinates_NA);

// One score a spot: confidence is the drawn id's log-probability, margin and entropy are those above (less is surer, so
// minus the entropy), random is a uniform, halton minus the rank. `writes` are read by confidence alone.
std::vector<double> scores(UnmaskKind kind, const StepView& view, const std::vector<Spot>& spots,
                           const std::vector<Write>& writes);

// Whether Gumbel noise belongs on the scores of the kind.
bool takes_noise(UnmaskKind kind);

}  // namespace palimpsest
