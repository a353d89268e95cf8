#include "base/parameters.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/errors.h"

namespace palimpsest {

namespace {

std::string shape_text(at::IntArrayRef sizes) {
  std::ostringstream out;
  out << sizes;
  return out.str();
}

std::vector<std::string> names_of(const std::vector<std::pair<std::string, at::Tensor>>& items) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : items) names.push_back(name);
  return names;
}

}  // namespace

at::Tensor ParameterSet::add(const std::string& name, const at::Tensor& initial) {
  const bool taken = std::any_of(items_.begin(), items_.end(), [&](const auto& item) { return item.first == name; });
  TORCH_CHECK(!taken, "ParameterSet::add: the name is used twice: ", name);
  at::Tensor parameter = initial.detach().to(at::kFloat).clone(at::MemoryFormat::Contiguous);
  parameter.set_requires_grad(true);
  items_.emplace_back(name, parameter);
  return parameter;
}

std::int64_t ParameterSet::count() const {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : items_) total += tensor.numel();
  return total;
}

std::map<std::string, at::Tensor> ParameterSet::values(c10::ScalarType dtype) const {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, tensor] : items_) result[name] = tensor.detach().to(dtype);
  return result;
}

void ParameterSet::load(const std::map<std::string, at::Tensor>& values, const std::string& file) {
  const std::vector<std::string> names = names_of(items_);
  for (const auto& [name, value] : values) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw InputError(file, name, "unexpected tensor" + suggest(name, names));
    }
  }
  // All are checked before any is changed.
  for (const auto& [name, parameter] : items_) {
    const auto found = values.find(name);
    if (found == values.end()) throw InputError(file, name, "the tensor is missing");
    if (found->second.sizes() != parameter.sizes()) {
      throw InputError(file, name,
                       "shape must be " + shape_text(parameter.sizes()) + ", got " + shape_text(found->second.sizes()));
    }
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, parameter] : items_) parameter.copy_(values.at(name));
}

ParameterSet ParameterSet::some(const std::vector<std::string>& names) const {
  ParameterSet chosen;
  for (const std::string& name : names) {
    const auto item = std::find_if(items_.begin(), items_.end(), [&](const auto& one) { return one.first == name; });
    TORCH_CHECK(item != items_.end(), "ParameterSet::some: there is no ", name);
    chosen.items_.push_back(*item);
    if (const auto share = rates_.find(name); share != rates_.end()) chosen.rates_.insert(*share);
  }
  return chosen;
}

void ParameterSet::to(c10::Device device) {
  const at::NoGradGuard no_grad;
  for (auto& [name, parameter] : items_) parameter.set_data(parameter.to(device));
}

void ParameterSet::set_requires_grad(bool on) {
  for (auto& [name, parameter] : items_) parameter.set_requires_grad(on);
}

double ParameterSet::rate(const std::string& name) const {
  const auto found = rates_.find(name);
  return found == rates_.end() ? 1.0 : found->second;
}

at::Tensor normal_init(RandomKey key, const std::string& name, at::IntArrayRef sizes, double deviation) {
  return normal(key.fold(name), sizes).mul_(deviation);
}

at::Tensor kaiming_init(RandomKey key, const std::string& name, at::IntArrayRef sizes, double gain) {
  TORCH_CHECK(sizes.size() >= 2, "kaiming_init: needs at least two dimensions, got ", sizes);
  const std::int64_t fan_in = c10::multiply_integers(sizes.slice(1));
  const double bound = std::sqrt(3.0 * gain / static_cast<double>(fan_in));
  const RandomKey own = key.fold(name);
  const at::Tensor uniform = uniform_BN(std::span(&own, 1), c10::multiply_integers(sizes));
  return uniform.mul_(2.0 * bound).sub_(bound).to(at::kFloat).reshape(sizes);
}

}  // namespace palimpsest
