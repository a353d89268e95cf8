#include "experiments/training/optimizer.h"

#include <c10/core/GradMode.h>

#include "base/errors.h"

namespace palimpsest {

namespace {

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

AdamW::AdamW(NamedTensors tensors, AdamWSettings settings) : tensors_(std::move(tensors)), settings_(settings) {
  for (const auto& [name, tensor] : tensors_) {
    first_.push_back(at::zeros_like(tensor.detach()));
    second_.push_back(at::zeros_like(tensor.detach()));
    steps_.push_back(at::zeros({}, tensor.options().requires_grad(false)));
  }
}

void AdamW::step(double learning_rate) {
  c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values, gradients, first, second, steps;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensors_[i].second.grad().defined()) continue;
    values.push_back(tensors_[i].second);
    gradients.push_back(tensors_[i].second.grad());
    first.push_back(first_[i]);
    second.push_back(second_[i]);
    steps.push_back(steps_[i]);
  }
  if (values.empty()) return;
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(values, gradients, first, second, /*max_exp_avg_sqs=*/{}, steps, learning_rate, settings_.beta1,
                    settings_.beta2, settings_.weight_decay, settings_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

std::map<std::string, at::Tensor> AdamW::state() const {
  std::map<std::string, at::Tensor> state;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    state["adamw.first." + tensors_[i].first] = first_[i];
    state["adamw.second." + tensors_[i].first] = second_[i];
    state["adamw.steps." + tensors_[i].first] = steps_[i];
  }
  return state;
}

ParameterUse parameter_use(const std::string& name, const at::Tensor& tensor) {
  if (tensor.dim() < 2 || contains(name, "norm")) return ParameterUse::kVector;
  if (contains(name, "embed") || contains(name, "head")) return ParameterUse::kEmbedding;
  return tensor.dim() == 2 ? ParameterUse::kMatrix : ParameterUse::kFilter;
}

Optimizer::Optimizer(const TrainingOptions& options, const ParameterSet& parameters, c10::ScalarType type)
    : options_(options) {
  NamedTensors plain, decayed, matrices;
  for (const auto& item : parameters.items()) {
    const ParameterUse use = parameter_use(item.first, item.second);
    if (use == ParameterUse::kMatrix && options.optimizer == OptimizerKind::kMuon) {
      matrices.push_back(item);
    } else if (use == ParameterUse::kMatrix || use == ParameterUse::kFilter) {
      decayed.push_back(item);
    } else {
      plain.push_back(item);
    }
  }
  const AdamWSettings without{options.beta1, options.beta2, options.epsilon, 0.0};
  const AdamWSettings with{options.beta1, options.beta2, options.epsilon, options.weight_decay};
  adamw_.emplace_back(std::move(plain), without);
  adamw_.emplace_back(std::move(decayed), with);
  if (!matrices.empty())
    muon_.emplace(std::move(matrices), MuonSettings{options.muon_momentum, options.weight_decay, type});
}

void Optimizer::step(double factor) {
  for (AdamW& group : adamw_) group.step(options_.learning_rate * factor);
  if (muon_) muon_->step(options_.muon_learning_rate * factor);
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> state = muon_ ? muon_->state() : std::map<std::string, at::Tensor>{};
  for (const AdamW& group : adamw_) state.merge(group.state());
  return state;
}

void Optimizer::load_state(const std::map<std::string, at::Tensor>& values, const std::string& file) {
  const std::map<std::string, at::Tensor> mine = state();
  for (const auto& [name, value] : values) {
    if (!mine.count(name)) throw InputError(file, name, "is not a state of this optimizer");
  }
  for (const auto& [name, tensor] : mine) {
    const auto found = values.find(name);
    if (found == values.end()) throw InputError(file, name, "is missing");
    if (found->second.sizes() != tensor.sizes()) throw InputError(file, name, "has another shape than the optimizer's");
    tensor.copy_(found->second);
  }
}

}  // namespace palimpsest
