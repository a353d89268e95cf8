#include "pipelines/sampling/pace.h"

#include <array>
#include <cmath>
#include <map>

#include "base/errors.h"

namespace palimpsest {

namespace {

std::int64_t num_blocks(const CanvasSchema& schema, const SamplerOptions& options, std::int64_t role) {
  const std::int64_t block = options.block_of(schema.role(role).name), length = schema.role(role).length();
  return block == 0 ? 1 : (length + block - 1) / block;
}

// Positions of a row that block `index` of `size` positions takes; size 0: the role.
StepRange block_range(const CanvasSchema& schema, std::int64_t role, std::int64_t size, std::int64_t index) {
  const std::int64_t begin = schema.role_begin(role), length = schema.role(role).length();
  if (size == 0) return {begin, begin + length};
  return {begin + index * size, begin + std::min(length, (index + 1) * size)};
}

// Roles that the row holds, in the joint order: the named ones first, then the others as the canvas has them.
std::vector<std::int64_t> joint_order(const CanvasSchema& schema, const SamplerOptions& options) {
  std::vector<std::int64_t> order;
  const auto add = [&](std::int64_t role) {
    if (schema.holds(role) && std::find(order.begin(), order.end(), role) == order.end()) order.push_back(role);
  };
  for (const std::string& name : options.joint.order) add(schema.role_index(name));
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) add(role);
  return order;
}

std::int64_t part_at(const StepRange& range, std::int64_t count, std::int64_t step) {
  std::int64_t index = 0;
  while (index + 1 < count && part_of(range, index + 1, count).begin <= step) ++index;
  return index;
}

void check_role(const CanvasSchema& schema, const SamplerOptions& options, const StepRange& steps, std::int64_t role) {
  const std::int64_t blocks = num_blocks(schema, options, role);
  if (steps.size() < blocks) {
    throw InputError("", "steps",
                     "must leave role '" + schema.role(role).name + "' at least " + std::to_string(blocks) +
                         " steps, one a block; of " + std::to_string(options.steps) + " it has " +
                         std::to_string(steps.size()));
  }
}

void check_commits(const SamplerOptions& options, const std::string& role, std::int64_t steps, std::int64_t open) {
  const UnmaskKind unmask = options.unmask_of(role);
  if (!commits_every_step(unmask) || open == 0 || steps <= open) return;
  throw InputError("", "steps",
                   "must be at most one a position, for unmask = " + enum_name(unmask) +
                       " writes at least one at every step; role '" + role + "' has " + std::to_string(steps) +
                       " steps for " + std::to_string(open) + " positions");
}

}  // namespace

StepRange part_of(const StepRange& range, std::int64_t index, std::int64_t count) {
  return {range.begin + index * range.size() / count, range.begin + (index + 1) * range.size() / count};
}

StepRange role_steps(const SamplerOptions& options, std::int64_t place, std::int64_t count) {
  const StepRange all{0, options.steps};
  if (options.joint.kind == JointKind::kTogether || count <= 1) return all;
  if (options.joint.kind == JointKind::kSequential) return part_of(all, place, count);
  const auto begin = [&](std::int64_t index) {
    return static_cast<std::int64_t>(
        std::floor(static_cast<double>(index) * options.joint.stagger * static_cast<double>(options.steps) + 1e-9));
  };
  return {begin(place), begin(place) + options.steps - begin(count - 1)};
}

std::int64_t count_open(const TokenCanvas& canvas, std::int64_t row, std::int64_t begin, std::int64_t end) {
  const std::int64_t* tokens = canvas.tokens_BL.const_data_ptr<std::int64_t>() + row * canvas.length();
  const bool* frozen = canvas.frozen_BL.const_data_ptr<bool>() + row * canvas.length();
  const bool* visible = canvas.visible_BL.const_data_ptr<bool>() + row * canvas.length();
  std::int64_t open = 0;
  for (std::int64_t at = begin; at < end; ++at) open += tokens[at] == kMaskId && visible[at] && !frozen[at];
  return open;
}

std::vector<std::int64_t> wanted_roles(const CanvasSchema& schema, const SamplerOptions& options,
                                       const TokenCanvas& canvas, std::int64_t row) {
  std::vector<std::int64_t> wanted;
  for (const std::int64_t role : joint_order(schema, options)) {
    const std::int64_t begin = schema.role_begin(role);
    if (count_open(canvas, row, begin, begin + schema.role(role).length()) > 0) wanted.push_back(role);
  }
  return wanted;
}

void check_pace(const CanvasSchema& schema, const SamplerOptions& options, const TokenCanvas& canvas) {
  for (std::int64_t row = 0; row < canvas.rows(); ++row) {
    const auto wanted = wanted_roles(schema, options, canvas, row);
    const auto count = static_cast<std::int64_t>(wanted.size());
    for (std::int64_t place = 0; place < count; ++place) {
      const std::int64_t role = wanted[static_cast<std::size_t>(place)];
      const StepRange steps = role_steps(options, place, count);
      check_role(schema, options, steps, role);
      const std::int64_t blocks = num_blocks(schema, options, role);
      for (std::int64_t block = 0; block < blocks; ++block) {
        const StepRange positions = block_range(schema, role, options.block_of(schema.role(role).name), block);
        check_commits(options, schema.role(role).name, part_of(steps, block, blocks).size(),
                      count_open(canvas, row, positions.begin, positions.end));
      }
    }
  }
}

Pace::Pace(const CanvasSchema& schema, const DiffusionOptions& diffusion, const SamplerOptions& options,
           const TokenCanvas& start, std::span<const RandomKey> keys)
    : schema_(schema), options_(options), keys_(keys.begin(), keys.end()) {
  const auto by_modality = modality_schedules(schema, diffusion);
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    schedules_.push_back(by_modality[static_cast<std::size_t>(schema.modality_of(role))]);
    unmask_.push_back(options.unmask_of(schema.role(role).name));
  }
  states_.resize(static_cast<std::size_t>(start.rows() * schema.num_roles()));
  for (std::int64_t row = 0; row < start.rows(); ++row) {
    const auto wanted = wanted_roles(schema, options, start, row);
    for (std::size_t place = 0; place < wanted.size(); ++place) {
      state(row, wanted[place]).place = static_cast<std::int64_t>(place);
      state(row, wanted[place]).count = static_cast<std::int64_t>(wanted.size());
    }
  }
}

Pace::State& Pace::state(std::int64_t row, std::int64_t role) {
  return states_[static_cast<std::size_t>(row * schema_.num_roles() + role)];
}

RoleStep Pace::turn(const State& state, std::int64_t role, std::int64_t step) const {
  RoleStep turn;
  if (state.place < 0) return turn;
  const StepRange steps = role_steps(options_, state.place, state.count);
  turn.told_t = step < steps.begin ? 1.0 : 0.0;
  if (step < steps.begin || step >= steps.end) return turn;
  const std::int64_t blocks = num_blocks(schema_, options_, role), block = part_at(steps, blocks, step);
  const StepRange own = part_of(steps, block, blocks);
  const StepRange positions = block_range(schema_, role, options_.block_of(schema_.role(role).name), block);
  turn.active = true;
  turn.begin = positions.begin;
  turn.end = positions.end;
  turn.step = step - own.begin;
  turn.num_steps = own.size();
  return turn;
}

// Times by the grid, or, for policies that follow none, by what is still masked.
StepTimes Pace::times_of(const State& state, const RoleStep& turn, std::int64_t role) const {
  const NoiseSchedule& schedule = schedules_[static_cast<std::size_t>(role)];
  const UnmaskKind unmask = unmask_[static_cast<std::size_t>(role)];
  if (!commits_every_step(unmask)) return grid_times(schedule, options_, turn.step, turn.num_steps);
  StepTimes times;
  times.masked_t = state.planned > 0 ? static_cast<double>(state.open) / state.planned : 0;
  if (unmask == UnmaskKind::kFirstHitting) times.masked_t = state.next_level;
  times.masked_s = 1.0 - static_cast<double>(turn.step + 1) / static_cast<double>(turn.num_steps);
  times.t = time_of_masked_share(schedule, times.masked_t);
  times.s = time_of_masked_share(schedule, times.masked_s);
  return times;
}

// A block's masks are the role's with those of the blocks to come.
double Pace::told_time(const RoleStep& turn, std::int64_t role) const {
  const std::int64_t begin = schema_.role_begin(role), length = schema_.role(role).length();
  if (turn.begin == begin && turn.end == begin + length) return turn.times.t;
  const double masked =
      static_cast<double>(begin + length - turn.end) + turn.times.masked_t * static_cast<double>(turn.end - turn.begin);
  return time_of_masked_share(schedules_[static_cast<std::size_t>(role)], masked / static_cast<double>(length));
}

// First hitting (arXiv 2409.02908, section 4): of n masks the next is written when the masked share has fallen to
// u U^(1/n), u the share at the one before; the network is asked at that time.
void Pace::State::hit(std::int64_t left, RandomKey key) {
  const auto fall = [&](std::int64_t masks) {
    return std::pow(key.uniform(static_cast<std::uint64_t>(masks)), 1.0 / static_cast<double>(masks));
  };
  for (; open > left; --open) level *= fall(open);
  next_level = left > 0 ? level * fall(left) : level;
}

void Pace::State::begin(std::int64_t positions) {
  planned = static_cast<double>(positions);
  level = 1;
  open = positions;
}

// Rows with the same place in the order have the same times, unless their own progress sets them.
std::vector<RoleStep> Pace::at(const TokenCanvas& canvas, std::int64_t step) {
  std::map<std::array<std::int64_t, 3>, RoleStep> shared;  // by role, place and count
  std::vector<RoleStep> result;
  for (std::int64_t row = 0; row < canvas.rows(); ++row) {
    const RandomKey& key = keys_[std::min(static_cast<std::size_t>(row), keys_.size() - 1)];
    for (std::int64_t role = 0; role < schema_.num_roles(); ++role) {
      State& own = state(row, role);
      const UnmaskKind unmask = unmask_[static_cast<std::size_t>(role)];
      auto [known, fresh] = shared.try_emplace({role, own.place, own.count});
      RoleStep& now = known->second;
      if (fresh) now = turn(own, role, step);
      if (now.active) {
        const std::int64_t open = count_open(canvas, row, now.begin, now.end);
        if (now.step == 0) own.begin(open);
        if (unmask == UnmaskKind::kFirstHitting)
          own.hit(open, key.fold("hit").fold(static_cast<std::uint64_t>(now.begin)));
        own.open = open;
        if (fresh || commits_every_step(unmask)) {
          now.times = times_of(own, now, role);
          now.told_t = told_time(now, role);
        }
        now.planned = own.planned;
      }
      own.masked_s = now.times.masked_s;
      result.push_back(now);
    }
  }
  return result;
}

void Pace::shrink(std::int64_t row, std::int64_t role, std::int64_t before, std::int64_t after) {
  State& own = state(row, role);
  const UnmaskKind unmask = unmask_[static_cast<std::size_t>(role)];
  const bool scheduled = unmask != UnmaskKind::kThreshold && unmask != UnmaskKind::kEntropyBounded;
  if (scheduled && own.masked_s > 0) own.planned = static_cast<double>(after) / own.masked_s;
  if (!scheduled && before > 0) own.planned *= static_cast<double>(after) / static_cast<double>(before);
}

}  // namespace palimpsest
