#include "pipelines/sampling/guidance.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

namespace palimpsest {

at::Tensor given_whole_BL(const CanvasSchema& schema, const TokenCanvas& canvas) {
  at::Tensor hide_BL = at::zeros_like(canvas.frozen_BL);
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    const at::Tensor in_role_BL = canvas.role_BL.eq(role).logical_and(canvas.visible_BL);
    const at::Tensor whole_B1 = canvas.frozen_BL.logical_or(in_role_BL.logical_not()).all(1, true);
    hide_BL = hide_BL.logical_or(in_role_BL.logical_and(whole_B1));
  }
  return hide_BL;
}

namespace {

NoisyCanvas without(const NoisyCanvas& noisy, const at::Tensor& hide_BL) {
  NoisyCanvas result = noisy;
  result.canvas.tokens_BL = noisy.canvas.tokens_BL.masked_fill(hide_BL, kMaskId);
  result.canvas.visible_BL = noisy.canvas.visible_BL.logical_and(hide_BL.logical_not());
  return result;
}

}  // namespace

at::Tensor GuidedFeatures::logits_MR(const LogitsHead& head, std::int64_t begin, std::int64_t count) const {
  const auto branch = [&](std::size_t b) { return head(branches_MD[b].narrow(0, begin, count)); };
  if (branches_MD.size() == 1) return branch(0);
  at::Tensor before_MR = branch(0).to(at::kFloat);
  if (weights_M1.empty()) return at::lerp(before_MR, branch(1).to(at::kFloat), weight);
  at::Tensor result_MR = before_MR;
  for (std::size_t b = 1; b < branches_MD.size(); ++b) {
    const at::Tensor now_MR = branch(b).to(at::kFloat);
    result_MR = result_MR + weights_M1[b - 1].narrow(0, begin, count) * (now_MR - before_MR);
    before_MR = now_MR;
  }
  return unguided_M1.defined() ? at::where(unguided_M1.narrow(0, begin, count), before_MR, result_MR) : result_MR;
}

double guidance_at(const GuidanceOptions& options, double weight, double t) {
  if (t > options.from || t < options.until) return 1;
  switch (options.schedule) {
    case GuidanceSchedule::kLinear:
      return 1 + (weight - 1) * (1 - t);
    case GuidanceSchedule::kCosine:
      return 1 + (weight - 1) * (1 - std::cos(std::numbers::pi * (1 - t))) / 2;
    default:
      return weight;
  }
}

namespace {

bool is_constant(const GuidanceOptions& options) {
  return options.schedule == GuidanceSchedule::kConstant && options.from == 1 && options.until == 0;
}

}  // namespace

Guidance::Guidance(const CanvasSchema& schema, const TokenCanvas& canvas, const SamplerOptions& options,
                   c10::Device device)
    : options_(options.guiding) {
  const at::Tensor given_BL = given_whole_BL(schema, canvas);
  at::Tensor left_BL = given_BL;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    if (!schema.holds(role)) continue;
    const double weight = options.guidance_of(schema.role(role).name);
    const at::Tensor own_BL = given_BL.logical_and(canvas.role_BL.eq(role));
    if (groups_.empty() || groups_.back().weight != weight) {
      groups_.push_back({weight, left_BL.to(device), at::zeros({canvas.rows()}, at::kBool).to(device)});
    }
    groups_.back().gives_B = groups_.back().gives_B.logical_or(own_BL.any(1).to(device));
    left_BL = left_BL.logical_and(own_BL.logical_not());
  }
}

at::Tensor Guidance::weights_M1(const Group& group, const at::Tensor& t_M, c10::Device device) const {
  at::Tensor weight_M = at::empty(t_M.sizes(), at::kFloat);
  const at::Tensor times_M = t_M.contiguous();
  for (std::int64_t m = 0; m < t_M.numel(); ++m) {
    weight_M.mutable_data_ptr<float>()[m] =
        static_cast<float>(guidance_at(options_, group.weight, times_M.const_data_ptr<double>()[m]));
  }
  return weight_M.unsqueeze(1).to(device);
}

GuidedFeatures Guidance::features_M(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                                    const at::Tensor& t_M) const {
  if (groups_.size() > 1 || !is_constant(options_)) return chained_M(model, noisy, rows_M, t_M);
  const Group& group = groups_.front();
  GuidedFeatures result{{}, {}, group.weight, {}};
  const bool guides = group.weight != 1 && group.hide_BL.any().item<bool>();
  if (guides) result.branches_MD.push_back(features_at(model, without(noisy, group.hide_BL), rows_M));
  if (!guides || group.weight != 0) result.branches_MD.push_back(features_at(model, noisy, rows_M));
  return result;
}

at::Tensor Guidance::logits_MV(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                               const at::Tensor& t_M) const {
  const at::NoGradGuard no_grad;
  return features_M(model, noisy, rows_M, t_M)
      .logits_MR(model.denoiser->head({IdRange{0, model.denoiser->vocabulary_size()}}), 0, rows_M.numel());
}

// Positions whose weights are all 1. They take the conditional as it is, bit for bit, whatever the other rows do.
at::Tensor Guidance::unguided_M1(const std::vector<at::Tensor>& weights, const at::Tensor& row_M) const {
  at::Tensor result_M1 = at::ones_like(weights.front(), at::kBool);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const at::Tensor silent_M1 = groups_[g].gives_B.logical_not().index_select(0, row_M).unsqueeze(1);
    result_M1 = result_M1.logical_and(weights[g].eq(1).logical_or(silent_M1));
  }
  return result_M1;
}

GuidedFeatures Guidance::chained_M(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                                   const at::Tensor& t_M) const {
  const at::Tensor conditional_MD = features_at(model, noisy, rows_M);
  std::vector<at::Tensor> weights;
  for (const Group& group : groups_) weights.push_back(weights_M1(group, t_M, conditional_MD.device()));
  const at::Tensor row_M = rows_M.to(conditional_MD.device()).div(noisy.canvas.length(), "floor");
  GuidedFeatures result{{}, {}, 1, unguided_M1(weights, row_M)};
  if (result.unguided_M1.all().item<bool>()) {
    result.branches_MD.push_back(conditional_MD);
    return result;
  }
  result.branches_MD.push_back(features_at(model, without(noisy, groups_.front().hide_BL), rows_M));
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (!groups_[g].gives_B.any().item<bool>()) continue;
    const bool whole = g + 1 == groups_.size() || !groups_[g + 1].hide_BL.any().item<bool>();
    result.branches_MD.push_back(whole ? conditional_MD
                                       : features_at(model, without(noisy, groups_[g + 1].hide_BL), rows_M));
    result.weights_M1.push_back(weights[g]);
  }
  return result;
}

}  // namespace palimpsest
