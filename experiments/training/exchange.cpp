#include "experiments/training/exchange.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

namespace palimpsest {

namespace {

using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

// The owner of each parameter: the largest first, each to who has least.
std::vector<std::int64_t> deal_out(const NamedParameters& items, std::int64_t processes) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&items](auto a, auto b) { return items[a].second.numel() > items[b].second.numel(); });
  std::vector<std::int64_t> load(static_cast<std::size_t>(processes)), owners(items.size());
  for (const std::size_t i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += items[i].second.numel();
    owners[i] = least - load.begin();
  }
  return owners;
}

// Frozen ones never change, and need not be sent.
NamedParameters trained(const ParameterSet& parameters) {
  NamedParameters items;
  for (const auto& item : parameters.items()) {
    if (item.second.requires_grad()) items.push_back(item);
  }
  return items;
}

std::string describe(const std::map<std::string, at::Tensor>& tensors) {
  nlohmann::json shapes = nlohmann::json::object();
  for (const auto& [name, tensor] : tensors) shapes[name] = {tensor.sizes().vec(), tensor.scalar_type()};
  return shapes.dump();
}

at::Tensor tensor_of_form(const nlohmann::json& form, c10::Device device) {
  const auto sizes = form[0].get<std::vector<std::int64_t>>();
  return at::empty(sizes, at::TensorOptions().dtype(form[1].get<c10::ScalarType>()).device(device));
}

}  // namespace

Exchange::Exchange(const ParameterSet& parameters, Peers& peers, bool shard_optimizer)
    : peers_(peers), gradients_(parameters, peers), own_(parameters) {
  if (!parameters.items().empty()) device_ = parameters.items().front().second.device();
  if (peers.alone() || !shard_optimizer) return;
  const NamedParameters items = trained(parameters);
  const std::vector<std::int64_t> owners = deal_out(items, peers.size());
  owned_.resize(static_cast<std::size_t>(peers.size()));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const auto& [name, tensor] = items[i];
    owned_[static_cast<std::size_t>(owners[i])].push_back(tensor.detach());
    if (owners[i] == peers.rank()) names.push_back(name);
  }
  own_ = parameters.some(names);
}

void Exchange::share_parameters() {
  struct Parcel {
    const std::vector<at::Tensor>& members;
    at::Tensor values;
    Transfer arrive;
  };
  c10::NoGradGuard no_grad;
  std::vector<Parcel> parcels;
  for (std::size_t owner = 0; owner < owned_.size(); ++owner) {
    std::vector<at::Tensor> flat;
    for (const at::Tensor& tensor : owned_[owner]) flat.push_back(tensor.flatten());
    if (flat.empty()) continue;
    const at::Tensor values = at::cat(flat);
    parcels.push_back({owned_[owner], values, peers_.begin_copy(values, static_cast<std::int64_t>(owner))});
  }
  for (const Parcel& parcel : parcels) {
    parcel.arrive();
    std::int64_t offset = 0;
    for (const at::Tensor& tensor : parcel.members) {
      tensor.copy_(parcel.values.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
      offset += tensor.numel();
    }
  }
}

std::map<std::string, at::Tensor> Exchange::collect(const std::map<std::string, at::Tensor>& own) {
  std::map<std::string, at::Tensor> all = own;
  if (owned_.empty()) return all;
  const std::vector<std::string> descriptions = peers_.gather(describe(own));
  for (std::int64_t from = 1; from < peers_.size(); ++from) {
    const nlohmann::json forms = nlohmann::json::parse(descriptions[static_cast<std::size_t>(from)]);
    for (const auto& [name, form] : forms.items()) {
      const bool mine = peers_.rank() == from;
      if (!mine && !peers_.first()) continue;
      at::Tensor tensor = mine ? own.at(name) : tensor_of_form(form, device_);
      peers_.move_to_first(tensor, from);
      all[name] = tensor;
    }
  }
  return all;
}

std::map<std::string, double> Exchange::sum(const std::map<std::string, double>& own) {
  if (peers_.alone()) return own;
  at::Tensor sums;
  while (true) {
    std::set<std::string> names(names_.begin(), names_.end());
    for (const auto& [name, value] : own) names.insert(name);
    // First, whether a process has a name that not all know; then for each name its sum and how many have it.
    std::vector<double> values{names.size() > names_.size() ? 1.0 : 0.0};
    for (const std::string& name : names_) {
      const auto found = own.find(name);
      values.push_back(found == own.end() ? 0.0 : found->second);
      values.push_back(found == own.end() ? 0.0 : 1.0);
    }
    sums = at::tensor(values, at::kDouble);
    peers_.sum(sums);
    if (sums[0].item<double>() == 0) break;
    for (const std::string& text : peers_.gather(nlohmann::json(names).dump())) {
      for (const auto& name : nlohmann::json::parse(text)) names.insert(name.get<std::string>());
    }
    names_.assign(names.begin(), names.end());
  }
  std::map<std::string, double> all;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto at = static_cast<std::int64_t>(2 * i + 1);
    if (sums[at + 1].item<double>() > 0) all[names_[i]] = sums[at].item<double>();
  }
  return all;
}

std::map<std::string, double> gather_sums(Peers& peers, const std::map<std::string, double>& own) {
  if (peers.alone()) return own;
  std::map<std::string, double> sums;
  for (const std::string& text : peers.gather(nlohmann::json(own).dump())) {
    const auto told = nlohmann::json::parse(text).get<std::map<std::string, double>>();
    for (const auto& [name, value] : told) sums[name] += value;
  }
  return sums;
}

}  // namespace palimpsest
