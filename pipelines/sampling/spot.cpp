#include "pipelines/sampling/spot.h"

#include <cmath>
#include <set>

#include "base/parallel.h"
#include "pipelines/sampling/draw.h"

namespace palimpsest {

std::vector<Spot> spots(const StepView& view, const at::Tensor& position_N) {
  const std::int64_t* position = position_N.const_data_ptr<std::int64_t>();
  const at::Tensor role_BL = view.canvas.role_BL.contiguous();
  const std::int64_t* roles = role_BL.const_data_ptr<std::int64_t>();
  const std::int64_t length = view.canvas.length();
  std::vector<Spot> result;
  for (std::int64_t index = 0; index < position_N.numel(); ++index) {
    result.push_back(
        {index, position[index], position[index] / length, position[index] % length, roles[position[index]]});
  }
  return result;
}

RoleGroups by_role(const std::vector<Spot>& spots) {
  RoleGroups groups;
  for (std::size_t i = 0; i < spots.size(); ++i) groups[{spots[i].row, spots[i].role}].push_back(i);
  return groups;
}

std::span<const float> log_probs_at(const StepView& view, const Spot& spot) { return view.log_prob_MR.row(spot.index); }

namespace {

RandomKey key_at(const StepView& view, const Spot& spot, std::string_view stream) {
  return view.keys[static_cast<std::size_t>(spot.row)].fold(stream).fold(static_cast<std::uint64_t>(view.step));
}

// The uniform of a spot's id: another one after each veto.
double id_uniform(const StepView& view, const Spot& spot) {
  RandomKey key = key_at(view, spot, "id");
  const auto vetoed = view.redraws.find(spot.position);
  if (vetoed != view.redraws.end()) key = key.fold("again").fold(vetoed->second);
  return draw_uniform(key.bits(static_cast<std::uint64_t>(spot.column)));
}

std::vector<DrawOptions> role_draws(const StepView& view, const SamplerOptions& options) {
  std::vector<DrawOptions> result;
  for (const Role& role : view.schema.roles()) result.push_back(options.draw(role.name));
  return result;
}

// Ids that a role of a row holds, ascending; `end` may repeat freely.
std::vector<std::int64_t> held_ids(const StepView& view, std::int64_t row, std::int64_t role) {
  const std::int64_t begin = row * view.canvas.length() + view.schema.role_begin(role);
  const std::int64_t* tokens = view.canvas.tokens_BL.const_data_ptr<std::int64_t>() + begin;
  std::set<std::int64_t> held(tokens, tokens + view.schema.role(role).length());
  held.erase(kMaskId);
  held.erase(kEndId);
  return {held.begin(), held.end()};
}

using HeldIds = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>>;

HeldIds repeated_ids(const StepView& view, const std::vector<Spot>& at, const std::vector<DrawOptions>& draws) {
  HeldIds result;
  for (const Spot& spot : at) {
    const std::pair cell{spot.row, spot.role};
    if (draws[static_cast<std::size_t>(spot.role)].repetition_penalty == 1 || result.count(cell)) continue;
    result[cell] = held_ids(view, spot.row, spot.role);
  }
  return result;
}

// Where the ids stand among those that are legal; without those that are not.
std::vector<std::int64_t> places_of(const LegalClass& legal, const std::vector<std::int64_t>& ids) {
  std::vector<std::int64_t> places;
  for (const std::int64_t id : ids) {
    if (place_of(legal, id) >= 0) places.push_back(place_of(legal, id));
  }
  return places;
}

}  // namespace

double uniform_at(const StepView& view, const Spot& spot, std::string_view stream) {
  return key_at(view, spot, stream).uniform(static_cast<std::uint64_t>(spot.column));
}

double gumbel(double uniform) { return -std::log(-std::log(uniform)); }

std::vector<Write> draw_writes(const StepView& view, const std::vector<Spot>& at, const SamplerOptions& options) {
  const auto draws = role_draws(view, options);
  const HeldIds repeated = repeated_ids(view, at, draws);
  std::vector<Write> writes(at.size());
  parallel_for(0, static_cast<std::int64_t>(at.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const Spot& spot = at[i];
      const auto held = repeated.find({spot.row, spot.role});
      const LegalClass& legal = view.log_prob_MR.legal(spot.index);
      const auto again = held == repeated.end() ? std::vector<std::int64_t>() : places_of(legal, held->second);
      const Draw draw =
          draw_id(log_probs_at(view, spot), draws[static_cast<std::size_t>(spot.role)], id_uniform(view, spot), again);
      writes[i] = {spot.position, id_at(legal, draw.id), draw.log_prob};
    }
  });
  return writes;
}

}  // namespace palimpsest
