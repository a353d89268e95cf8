#include "experiments/training/exchange.h"

#include <c10/core/GradMode.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/training/average.h"

namespace palimpsest {

namespace {

using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

// Frozen ones never change, and need not be sent.
NamedParameters trained(const ParameterSet& parameters) {
  NamedParameters items;
  for (const auto& item : parameters.items()) {
    if (item.second.requires_grad()) items.push_back(item);
  }
  return items;
}

ParameterSet without_blocks(const ParameterSet& parameters, const ShardedBlocks* blocks) {
  if (!blocks) return parameters;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : parameters.items()) {
    if (!blocks->owners().contains(name)) names.push_back(name);
  }
  return parameters.some(names);
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

Exchange::Exchange(const ParameterSet& parameters, Peers& peers, bool shard_optimizer, Transformer* blocked)
    : peers_(peers),
      dealer_(peers.size()),
      blocks_(blocked && !peers.alone() ? std::make_unique<ShardedBlocks>(*blocked, peers, dealer_) : nullptr),
      resident_(without_blocks(parameters, blocks_.get())),
      gradients_(resident_, peers),
      own_(parameters),
      kept_(parameters) {
  if (!parameters.items().empty()) device_ = parameters.items().front().second.device();
  if (peers.alone() || !(shard_optimizer || blocks_)) return;
  const NamedParameters items = trained(resident_);
  std::vector<std::int64_t> sizes;
  for (const auto& [name, tensor] : items) sizes.push_back(tensor.numel());
  const std::vector<std::int64_t> owners = dealer_.deal(sizes);
  owned_.resize(static_cast<std::size_t>(peers.size()));
  std::set<std::string> own;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const auto& [name, tensor] = items[i];
    owned_[static_cast<std::size_t>(owners[i])].push_back(tensor.detach());
    if (owners[i] == peers.rank()) own.insert(name);
  }
  std::vector<std::string> stepped, of_blocks, kept;
  for (const auto& [name, tensor] : parameters.items()) {
    if (!keeps(name)) continue;
    kept.push_back(name);
    const bool in_block = blocks_ && blocks_->owners().contains(name);
    if (!(in_block ? tensor.requires_grad() : own.contains(name))) continue;
    stepped.push_back(name);
    if (in_block) of_blocks.push_back(name);
  }
  own_of_blocks_ = parameters.some(of_blocks);
  own_ = parameters.some(stepped);
  kept_ = parameters.some(kept);
}

// Does this process hold it between steps?
bool Exchange::keeps(const std::string& name) const {
  if (!blocks_) return true;
  const auto owner = blocks_->owners().find(name);
  return owner == blocks_->owners().end() || owner->second == peers_.rank();
}

// While blocks travel, nothing else sets off: processes whose passes differ in what they reach would send in another
// order.
void Exchange::before_backward(bool last) {
  if (last && !blocks_) gradients_.begin();
}

void Exchange::after_backward() {
  if (blocks_) blocks_->end_pass();
}

void Exchange::finish_gradients() {
  if (blocks_) {
    blocks_->hand_over_gradients();
    gradients_.begin();
  }
  gradients_.finish();
}

double Exchange::gradient_norm() {
  const double here = palimpsest::gradient_norm(resident_);
  if (!blocks_) return here;
  const at::Tensor squares = at::full({1}, palimpsest::gradient_norm(own_of_blocks_), at::kDouble).square_();
  peers_.sum(squares);
  return std::sqrt(here * here + squares.item<double>());
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

std::map<std::string, at::Tensor> Exchange::collect_kept(std::map<std::string, at::Tensor> kept) {
  if (!blocks_) return kept;
  if (!peers_.first())
    std::erase_if(kept, [this](const auto& entry) { return !blocks_->owners().contains(entry.first); });
  return collect(kept);
}

void Exchange::load(std::map<std::string, at::Tensor> values, const std::string& file) {
  std::erase_if(values, [this](const auto& entry) { return !keeps(entry.first); });
  kept_.load(values, file);
}

void Exchange::in_first(const std::function<void()>& work) {
  if (blocks_) return blocks_->in_first(work);
  if (peers_.first()) work();
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
