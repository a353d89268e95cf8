#include "pipelines/sampling/unmask.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "pipelines/sampling/draw.h"

namespace palimpsest {

namespace {

// A masked position of the view, taken apart.
struct Place {
  std::int64_t index = 0;     // in the view's M
  std::int64_t position = 0;  // flat
  std::int64_t row = 0, column = 0;
  std::int64_t role = 0;
};

std::vector<Place> places(const StepView& view) {
  const std::int64_t* position_M = view.position_M.const_data_ptr<std::int64_t>();
  const at::Tensor role_BL = view.canvas.role_BL.contiguous();
  const std::int64_t* roles = role_BL.const_data_ptr<std::int64_t>();
  const std::int64_t length = view.canvas.length();
  std::vector<Place> result;
  for (std::int64_t index = 0; index < view.position_M.numel(); ++index) {
    const std::int64_t position = position_M[index];
    result.push_back({index, position, position / length, position % length, roles[position]});
  }
  return result;
}

std::vector<DrawOptions> role_draws(const StepView& view, const SamplerOptions& options) {
  std::vector<DrawOptions> result;
  for (const Role& role : view.schema.roles()) result.push_back(options.draw(role.name));
  return result;
}

double uniform_at(const StepView& view, const Place& place, std::string_view stream) {
  return view.keys[static_cast<std::size_t>(place.row)]
      .fold(stream)
      .fold(static_cast<std::uint64_t>(view.step))
      .uniform(static_cast<std::uint64_t>(place.column));
}

// A draw at each of the places, in their order.
std::vector<Write> draw_writes(const StepView& view, const std::vector<Place>& at, const SamplerOptions& options) {
  const auto draws = role_draws(view, options);
  const auto size = static_cast<std::size_t>(view.log_prob_MV.size(1));
  const float* log_probs = view.log_prob_MV.const_data_ptr<float>();
  std::vector<Write> writes(at.size());
  at::parallel_for(0, static_cast<std::int64_t>(at.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const Place& place = at[i];
      const std::span<const float> log_prob_V(log_probs + static_cast<std::size_t>(place.index) * size, size);
      const Draw draw = draw_id(log_prob_V, draws[static_cast<std::size_t>(place.role)], uniform_at(view, place, "id"));
      writes[i] = {place.position, draw.id, draw.log_prob};
    }
  });
  return writes;
}

double gumbel(double uniform) { return -std::log(-std::log(uniform)); }

// How many of a role's `masked` positions are written in this step.
std::int64_t count_to_write(const StepView& view, const Place& place, std::int64_t masked) {
  if (view.last()) return masked;
  const double planned = view.planned_BR.const_data_ptr<double>()[place.row * view.schema.num_roles() + place.role];
  const double masked_s = view.times[static_cast<std::size_t>(place.role)].masked_s;
  const auto left = static_cast<std::int64_t>(std::floor(planned * masked_s + 1e-9));
  return std::max<std::int64_t>(0, masked - left);
}

struct Choice {
  std::size_t index;  // in writes
  double confidence;
};

bool surer(const Choice& a, const Choice& b) {
  return a.confidence != b.confidence ? a.confidence > b.confidence : a.index < b.index;
}

}  // namespace

Decision ConfidencePolicy::decide(const StepView& view) const {
  const auto all = places(view);
  const auto writes = draw_writes(view, all, options_);
  const double progress = static_cast<double>(view.step + 1) / static_cast<double>(view.num_steps);
  const double noise = options_.choice_noise * (1.0 - progress);
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Choice>> groups;  // by row and role
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double jitter = noise == 0 ? 0 : noise * gumbel(uniform_at(view, all[i], "choice"));
    groups[{all[i].row, all[i].role}].push_back({i, writes[i].log_prob + jitter});
  }
  Decision decision;
  for (auto& [key, choices] : groups) {
    std::sort(choices.begin(), choices.end(), surer);
    const auto count = count_to_write(view, all[choices.front().index], static_cast<std::int64_t>(choices.size()));
    for (std::int64_t i = 0; i < count; ++i) {
      decision.writes.push_back(writes[choices[static_cast<std::size_t>(i)].index]);
    }
  }
  return decision;
}

Decision AncestralPolicy::decide(const StepView& view) const {
  std::vector<Place> leaving;
  for (const Place& place : places(view)) {
    const StepTimes& times = view.times[static_cast<std::size_t>(place.role)];
    if (view.last() || uniform_at(view, place, "unmask") >= times.masked_s / times.masked_t) leaving.push_back(place);
  }
  return {draw_writes(view, leaving, options_), {}};
}

std::unique_ptr<Policy> make_policy(const SamplerOptions& options) {
  if (options.unmask == UnmaskKind::kAncestral) return std::make_unique<AncestralPolicy>(options);
  return std::make_unique<ConfidencePolicy>(options);
}

}  // namespace palimpsest
