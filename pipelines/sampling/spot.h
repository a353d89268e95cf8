// Spots: positions of a view taken apart, and the draws at them that policies share.
#pragma once

#include <string_view>
#include <utility>

#include "pipelines/sampling/policy.h"

namespace palimpsest {

// One position of a view.
struct Spot {
  std::int64_t index = 0;     // in the view's M, or W
  std::int64_t position = 0;  // flat
  std::int64_t row = 0, column = 0;
  std::int64_t role = 0;
};

// The flat positions, in their order.
std::vector<Spot> spots(const StepView& view, const at::Tensor& position_N);

// Indices into `spots` by row and role, in their order.
using RoleGroups = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>>;
RoleGroups by_role(const std::vector<Spot>& spots);

// The view's log-probabilities at a spot of its M, over the ids that are legal there.
std::span<const float> log_probs_at(const StepView& view, const Spot& spot);

// A uniform in (0,1) that belongs to the row's key, the stream's name, the step and the spot.
double uniform_at(const StepView& view, const Spot& spot, std::string_view stream);

// Standard Gumbel noise of a uniform.
double gumbel(double uniform);

// A draw at each of the spots, in their order.
std::vector<Write> draw_writes(const StepView& view, const std::vector<Spot>& at, const SamplerOptions& options);

}  // namespace palimpsest
