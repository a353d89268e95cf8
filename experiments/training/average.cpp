#include "experiments/training/average.h"

#include <c10/core/GradMode.h>

#include "backbone/kernels/adamw.h"
#include "base/errors.h"

namespace palimpsest {

namespace {

std::vector<at::Tensor> gradients_of(const ParameterSet& parameters) {
  std::vector<at::Tensor> gradients;
  for (const auto& [name, tensor] : parameters.items()) {
    if (tensor.grad().defined()) gradients.push_back(tensor.grad());
  }
  return gradients;
}

}  // namespace

ParameterAverage::ParameterAverage(const ParameterSet& parameters, double memory) : memory_(memory) {
  for (const auto& [name, tensor] : parameters.items()) {
    places_[name] = names_.size();
    names_.push_back(name);
    parameters_.push_back(tensor.detach());
    average_.push_back(tensor.detach().clone());
  }
  taken_.assign(names_.size(), false);
}

double ParameterAverage::share() const {
  const double count = static_cast<double>(updates_);
  return 1.0 - std::min(memory_, (1.0 + count) / (10.0 + count));
}

at::Tensor ParameterAverage::take(const std::string& name) {
  const std::size_t place = places_.at(name);
  taken_[place] = true;
  return average_[place];
}

void ParameterAverage::update() {
  std::vector<at::Tensor> averages, values;
  for (std::size_t i = 0; i < average_.size(); ++i) {
    if (taken_[i]) continue;
    averages.push_back(average_[i]);
    values.push_back(parameters_[i]);
  }
  move_averages(averages, values, share());
  taken_.assign(taken_.size(), false);
  ++updates_;
}

std::map<std::string, at::Tensor> ParameterAverage::values() const {
  std::map<std::string, at::Tensor> values;
  for (std::size_t i = 0; i < names_.size(); ++i) values[names_[i]] = average_[i];
  return values;
}

void ParameterAverage::load(const std::map<std::string, at::Tensor>& values, std::int64_t updates,
                            const std::string& file) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto found = values.find(names_[i]);
    if (found == values.end()) throw InputError(file, names_[i], "is missing");
    if (found->second.sizes() != average_[i].sizes())
      throw InputError(file, names_[i], "has another shape than the net's");
    average_[i].copy_(found->second);
  }
  updates_ = updates;
}

ParameterAverage::Use::Use(const ParameterAverage& average) : average_(average) {
  c10::NoGradGuard no_grad;
  for (const at::Tensor& parameter : average.parameters_) own_.push_back(parameter.clone());
  if (!own_.empty()) at::_foreach_copy_(average.parameters_, average.average_);
}

ParameterAverage::Use::~Use() {
  c10::NoGradGuard no_grad;
  if (!own_.empty()) at::_foreach_copy_(average_.parameters_, own_);
}

double gradient_norm(const ParameterSet& parameters) {
  const std::vector<at::Tensor> gradients = gradients_of(parameters);
  if (gradients.empty()) return 0.0;
  return at::stack(at::_foreach_norm(gradients)).to(at::kDouble).norm().item<double>();
}

void clear_gradients(const ParameterSet& parameters) {
  for (const auto& [name, tensor] : parameters.items()) tensor.mutable_grad() = at::Tensor();
}

}  // namespace palimpsest
