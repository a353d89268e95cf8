// What the processes of a run tell each other in a step: gradients, figures, changed parameters, optimizer states.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "experiments/training/gradient_buckets.h"

namespace palimpsest {

// Each trained parameter has an owner, the process that keeps its optimizer state and steps it (stage 1 of ZeRO, arXiv
// 1910.02054); parameters are dealt out by size. Without sharding every process owns all. Alone, nothing is said.
class Exchange {
 public:
  // Both must outlive the exchange.
  Exchange(const ParameterSet& parameters, Peers& peers, bool shard_optimizer);

  Peers& peers() const { return peers_; }
  GradientBuckets& gradients() { return gradients_; }

  bool sharded() const { return !owned_.empty(); }
  // What this process steps: tensors shared with the net's.
  const ParameterSet& own() const { return own_; }
  // After the owners' steps: what they changed, to everyone.
  void share_parameters();
  // Optimizer states by name: those of everyone in the first process, elsewhere only one's own.
  std::map<std::string, at::Tensor> collect(const std::map<std::string, at::Tensor>& own);

  // Sums figures over the processes, which need not have the same names.
  std::map<std::string, double> sum(const std::map<std::string, double>& own);

 private:
  Peers& peers_;
  GradientBuckets gradients_;
  ParameterSet own_;
  c10::Device device_{c10::DeviceType::CPU};
  std::vector<std::vector<at::Tensor>> owned_;  // by process; empty when nothing is sharded
  std::vector<std::string> names_;              // of figures, known to all
};

// The same for figures that are told now and then: names travel along.
std::map<std::string, double> gather_sums(Peers& peers, const std::map<std::string, double>& own);

}  // namespace palimpsest
