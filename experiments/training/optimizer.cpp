#include "experiments/training/optimizer.h"

#include "backbone/kernels/adamw.h"
#include "base/errors.h"

namespace palimpsest {

namespace {

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// Parameters that one rule updates with one learning rate.
struct Group {
  bool muon = false, decays = false;
  double share = 1.0;  // of the learning rate
  auto operator<=>(const Group&) const = default;
};

std::unique_ptr<UpdateRule> make_rule(const Group& group, NamedTensors tensors, const TrainingOptions& options,
                                      c10::ScalarType type) {
  const double decay = group.decays ? options.weight_decay / group.share : 0.0;
  if (group.muon) return std::make_unique<Muon>(std::move(tensors), MuonSettings{options.muon_momentum, decay, type});
  if (options.optimizer == OptimizerKind::kLion) {
    return std::make_unique<Lion>(std::move(tensors), LionSettings{options.beta1, options.beta2, decay});
  }
  return std::make_unique<AdamW>(std::move(tensors),
                                 AdamWSettings{options.beta1, options.beta2, options.epsilon, decay});
}

}  // namespace

AdamW::AdamW(NamedTensors tensors, AdamWSettings settings) : tensors_(std::move(tensors)), settings_(settings) {
  for (const auto& [name, tensor] : tensors_) {
    first_.push_back(at::zeros_like(tensor.detach()));
    second_.push_back(at::zeros_like(tensor.detach()));
    steps_.push_back(at::zeros({}, tensor.options().requires_grad(false)));
  }
}

void AdamW::step(const UpdateStep& step) {
  std::vector<AdamWTensors> moving;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto& [name, tensor] = tensors_[i];
    if (!tensor.grad().defined()) continue;
    moving.push_back({tensor, tensor.grad(), first_[i], second_[i], steps_[i], {}});
    if (step.average) moving.back().average = step.average->take(name);
  }
  adamw_step(moving, {step.learning_rate, settings_.beta1, settings_.beta2, settings_.epsilon, settings_.weight_decay,
                      step.gradient_scale, step.average ? step.average->share() : 0.0});
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

Optimizer::Optimizer(const TrainingOptions& options, const ParameterSet& parameters, c10::ScalarType type) {
  std::map<Group, NamedTensors> groups;
  for (const auto& item : parameters.items()) {
    if (!item.second.requires_grad()) continue;
    const ParameterUse use = parameter_use(item.first, item.second);
    const bool hidden = use == ParameterUse::kMatrix, muon = hidden && options.optimizer == OptimizerKind::kMuon;
    groups[{muon, hidden || use == ParameterUse::kFilter, muon ? 1.0 : parameters.rate(item.first)}].push_back(item);
  }
  for (auto& [group, tensors] : groups) {
    const double highest = group.muon ? options.muon_learning_rate : options.learning_rate;
    parts_.push_back({make_rule(group, std::move(tensors), options, type), highest * group.share});
  }
}

void Optimizer::step(double factor, double gradient_scale) {
  for (Part& part : parts_) part.rule->step({part.learning_rate * factor * scale_, gradient_scale, average_});
}

void Optimizer::finish_average() {
  if (average_) average_->update();
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> state;
  for (const Part& part : parts_) state.merge(part.rule->state());
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
