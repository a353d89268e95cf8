#include "backbone/transformer/adapters.h"

#include <cmath>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr std::string_view kDown = ".lora.down", kUp = ".lora.up", kWeight = ".weight";

const std::map<std::string, at::Tensor Block::*>& adaptable() {
  static const std::map<std::string, at::Tensor Block::*> kMatrices{{"attention.qkv", &Block::qkv_PD},
                                                                    {"attention.out", &Block::out_DD},
                                                                    {"mlp.gate_up", &Block::gate_up_2FD},
                                                                    {"mlp.down", &Block::down_DF}};
  return kMatrices;
}

std::string with_ending(const std::string& name, std::string_view ending) { return name + std::string(ending); }

at::Tensor merged(const at::Tensor& weight_OI, const at::Tensor& up_OR, const at::Tensor& down_RI, double scale) {
  return at::addmm(weight_OI, up_OR, down_RI, /*beta=*/1.0, /*alpha=*/scale);
}

}  // namespace

void AdapterOptions::validate() const {
  if (rank < 0) throw InputError("", "rank", "must not be negative");
  if (alpha <= 0) throw InputError("", "alpha", "must be above 0");
  std::vector<std::string> names;
  for (const auto& [name, member] : adaptable()) names.push_back(name);
  for (const std::string& target : targets) {
    if (!adaptable().contains(target)) {
      throw InputError("", "targets", "no matrix of a block is called '" + target + "'" + suggest(target, names));
    }
  }
  if (rank > 0 && targets.empty()) throw InputError("", "targets", "must name at least one matrix");
}

BlockAdapters::BlockAdapters(ParameterSet& parameters, const Block& block, const AdapterOptions& options,
                             std::int64_t index, RandomKey key)
    : scale_(options.scale()) {
  for (const std::string& target : options.targets) {
    const std::string name = block_prefix(index) + target;
    at::Tensor Block::*const member = adaptable().at(target);
    const std::int64_t outputs = (block.*member).size(0), inputs = (block.*member).size(1);
    const std::string down = with_ending(name, kDown);
    const double deviation = 1.0 / std::sqrt(static_cast<double>(inputs));  // A x has the scale of x
    const at::Tensor down_RI = parameters.add(down, normal_init(key, down, {options.rank, inputs}, deviation));
    const at::Tensor up_OR = parameters.add(with_ending(name, kUp), at::zeros({outputs, options.rank}));
    pairs_.push_back({member, down_RI, up_OR});
  }
}

Block BlockAdapters::applied_to(const Block& block) const {
  Block adapted = block;
  for (const Pair& pair : pairs_) {
    adapted.*pair.target = merged(block.*pair.target, pair.up_OR, pair.down_RI, scale_);
  }
  return adapted;
}

std::map<std::string, at::Tensor> merge_adapters(const std::map<std::string, at::Tensor>& weights,
                                                 const AdapterOptions& options) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, tensor] : weights) {
    if (name.ends_with(kDown) || name.ends_with(kUp)) continue;
    result[name] = tensor;
    if (!name.ends_with(kWeight)) continue;
    const std::string stem = name.substr(0, name.size() - kWeight.size());
    const auto up = weights.find(with_ending(stem, kUp)), down = weights.find(with_ending(stem, kDown));
    if (up == weights.end() || down == weights.end()) continue;
    result[name] =
        merged(tensor.to(at::kFloat), up->second.to(at::kFloat), down->second.to(at::kFloat), options.scale())
            .to(tensor.scalar_type());
  }
  return result;
}

}  // namespace palimpsest
