#include "pipelines/sampling/batch.h"

#include <set>

namespace palimpsest {

namespace {

// The steps of a batch's roles, asked for position by position.
class StepsAt {
 public:
  StepsAt(const Batch& batch, const std::vector<RoleStep>& pace)
      : pace_(pace),
        roles_(batch.canvas.role_BL.const_data_ptr<std::int64_t>()),
        length_(batch.canvas.length()),
        num_roles_(batch.schema.num_roles()) {}

  const RoleStep& at(std::int64_t flat) const {
    return pace_[static_cast<std::size_t>(flat / length_ * num_roles_ + roles_[flat])];
  }
  bool writes(std::int64_t flat) const {
    const RoleStep& now = at(flat);
    const std::int64_t column = flat % length_;
    return now.active && column >= now.begin && column < now.end;
  }
  bool begins_role(std::int64_t flat) const { return flat % length_ == 0 || roles_[flat - 1] != roles_[flat]; }

 private:
  const std::vector<RoleStep>& pace_;
  const std::int64_t* roles_;
  std::int64_t length_, num_roles_;
};

at::Tensor tensor_of(const std::vector<std::int64_t>& positions) { return at::tensor(positions, at::kLong); }

}  // namespace

Batch make_batch(const DiffusionModel& model, const TokenCanvas& rows, std::span<const RandomKey> keys) {
  Batch batch;
  batch.schema = schema_of(model.schema, rows);
  batch.real_rows = rows.rows();
  batch.canvas = pad_rows(rows, model.rows);
  batch.canvas.tokens_BL = batch.canvas.tokens_BL.clone(at::MemoryFormat::Contiguous);
  batch.canvas.frozen_BL = batch.canvas.frozen_BL.contiguous();
  batch.canvas.visible_BL = batch.canvas.visible_BL.contiguous();
  batch.canvas.role_BL = batch.canvas.role_BL.contiguous();
  batch.canvas.legal_class_BL = batch.canvas.legal_class_BL.contiguous();
  batch.device_canvas = batch.canvas.to(model.device);
  batch.keys = keys;
  batch.log_prob.resize(static_cast<std::size_t>(batch.canvas.tokens_BL.numel()));
  return batch;
}

CanvasSchema schema_of(const CanvasSchema& schema, const TokenCanvas& canvas) {
  std::set<std::int64_t> held;
  for (const Span& span : canvas.spans) held.insert(span.role);
  std::vector<std::string> names;
  for (const std::int64_t role : held) names.push_back(schema.role(role).name);
  CanvasSchema restricted = schema.with_roles(names);
  TORCH_CHECK(restricted.length() == canvas.length(), "schema_of: the canvas's rows have ", canvas.length(),
              " positions, its roles ", restricted.length());
  return restricted;
}

bool may_touch(const Batch& batch, std::int64_t flat) {
  if (flat < 0 || flat >= batch.real_rows * batch.canvas.length()) return false;
  return batch.canvas.visible_BL.const_data_ptr<bool>()[flat] && !batch.canvas.frozen_BL.const_data_ptr<bool>()[flat];
}

at::Tensor open_mask_BL(const TokenCanvas& canvas) {
  return canvas.tokens_BL.eq(kMaskId).logical_and(canvas.visible_BL).logical_and(canvas.frozen_BL.logical_not());
}

at::Tensor open_positions(const Batch& batch) {
  return open_mask_BL(batch.canvas).narrow(0, 0, batch.real_rows).reshape({-1}).nonzero().view({-1});
}

at::Tensor within_steps(const Batch& batch, const std::vector<RoleStep>& pace, const at::Tensor& position_N) {
  const std::int64_t* position = position_N.const_data_ptr<std::int64_t>();
  const StepsAt steps(batch, pace);
  std::vector<std::int64_t> kept;
  for (std::int64_t n = 0; n < position_N.numel(); ++n) {
    if (steps.writes(position[n])) kept.push_back(position[n]);
  }
  return static_cast<std::int64_t>(kept.size()) == position_N.numel() ? position_N : tensor_of(kept);
}

WrittenView written_view(const Batch& batch, const std::vector<RoleStep>& pace) {
  const std::int64_t* tokens = batch.canvas.tokens_BL.const_data_ptr<std::int64_t>();
  const bool* visible = batch.canvas.visible_BL.const_data_ptr<bool>();
  const bool* frozen = batch.canvas.frozen_BL.const_data_ptr<bool>();
  const StepsAt steps(batch, pace);
  std::vector<std::int64_t> positions;
  WrittenView written;
  const std::int64_t count = batch.real_rows * batch.canvas.length();
  for (std::int64_t flat = 0; flat < count; ++flat) {
    if (!visible[flat] || frozen[flat] || tokens[flat] == kMaskId || !steps.writes(flat)) continue;
    if (tokens[flat] == kEndId && !steps.begins_role(flat) && tokens[flat - 1] == kEndId) continue;
    positions.push_back(flat);
    written.log_prob.push_back(batch.log_prob[static_cast<std::size_t>(flat)]);
  }
  written.position_W = tensor_of(positions);
  return written;
}

NoisyCanvas noisy_view(const Batch& batch, const std::vector<RoleStep>& pace) {
  std::vector<float> time_of_cell;
  for (const RoleStep& now : pace) time_of_cell.push_back(static_cast<float>(now.told_t));
  const TokenCanvas& canvas = batch.device_canvas;
  const at::Tensor time_BR = at::tensor(time_of_cell, at::kFloat).view({canvas.rows(), -1}).to(canvas.role_BL.device());
  NoisyCanvas noisy{canvas, {}, {}};
  noisy.canvas.tokens_BL = batch.canvas.tokens_BL.to(time_BR.device());
  const at::Tensor made_BL = canvas.frozen_BL.logical_not().logical_and(canvas.visible_BL);
  noisy.t_BL = time_BR.gather(1, canvas.role_BL) * made_BL;
  noisy.masked_BL = noisy.canvas.tokens_BL.eq(kMaskId).logical_and(made_BL);
  return noisy;
}

at::Tensor told_times(const Batch& batch, const std::vector<RoleStep>& pace, const at::Tensor& position_N) {
  const std::int64_t* position = position_N.const_data_ptr<std::int64_t>();
  const StepsAt steps(batch, pace);
  std::vector<double> times;
  for (std::int64_t n = 0; n < position_N.numel(); ++n) times.push_back(steps.at(position[n]).told_t);
  return at::tensor(times, at::kDouble);
}

}  // namespace palimpsest
