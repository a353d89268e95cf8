// What the processes of a run tell each other in a step: gradients, figures, changed parameters, optimizer states.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/training/dealer.h"
#include "experiments/training/gradient_buckets.h"
#include "experiments/training/sharded_blocks.h"

namespace palimpsest {

// Each trained parameter has an owner, the process that keeps its optimizer state and steps it (stage 1 of ZeRO, arXiv
// 1910.02054); parameters are dealt out by size. Without sharding every process owns all. Alone, nothing is said. With
// a net whose blocks lie in parts, their parameters and gradients are with their owners alone (stage 3).
class Exchange {
 public:
  // All must outlive the exchange. `blocked` is the net whose blocks are to lie in parts, or nullptr; its parameters
  // are among `parameters`.
  Exchange(const ParameterSet& parameters, Peers& peers, bool shard_optimizer, Transformer* blocked = nullptr);

  Peers& peers() const { return peers_; }

  bool sharded() const { return !owned_.empty(); }
  // What this process steps: tensors shared with the net's.
  const ParameterSet& own() const { return own_; }
  // What it holds between steps: all, but for the parameters of blocks that others own.
  const ParameterSet& kept() const { return kept_; }

  // Around each backward pass; `last` of its step.
  void before_backward(bool last);
  void after_backward();
  // After the last: the parameters that are kept and that somebody has a gradient of have the sum over all processes.
  void finish_gradients();
  // Of the sums, over all parameters.
  double gradient_norm();
  // After the owners' steps: what they changed, to everyone who keeps it.
  void share_parameters();

  // Optimizer states by name: those of everyone in the first process, elsewhere only one's own.
  std::map<std::string, at::Tensor> collect(const std::map<std::string, at::Tensor>& own);
  // The same of tensors by the names of what is kept.
  std::map<std::string, at::Tensor> collect_kept(std::map<std::string, at::Tensor> kept);
  // Copies all parameters' values into those that are kept; errors as of ParameterSet::load.
  void load(std::map<std::string, at::Tensor> values, const std::string& file);

  // Runs `work`, which may use the net without gradients, in the first process.
  void in_first(const std::function<void()>& work);

  // Sums figures over the processes, which need not have the same names.
  std::map<std::string, double> sum(const std::map<std::string, double>& own);

 private:
  bool keeps(const std::string& name) const;

  Peers& peers_;
  Dealer dealer_;
  std::unique_ptr<ShardedBlocks> blocks_;  // none where every process has all parameters
  ParameterSet resident_;                  // in every process
  GradientBuckets gradients_;              // of these
  ParameterSet own_, own_of_blocks_, kept_;
  c10::Device device_{c10::DeviceType::CPU};
  std::vector<std::vector<at::Tensor>> owned_;  // of the resident ones, by process; empty when nothing is sharded
  std::vector<std::string> names_;              // of figures, known to all
};

// The same for figures that are told now and then: names travel along.
std::map<std::string, double> gather_sums(Peers& peers, const std::map<std::string, double>& own);

}  // namespace palimpsest
