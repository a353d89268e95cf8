// Low-rank adapters (LoRA, arXiv 2106.09685): frozen matrices with a trained product of two thin ones beside them.
//
// Shapes: O outputs, I inputs, R rank.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backbone/transformer/block.h"

namespace palimpsest {

// What the recipe's table [lora] says.
struct AdapterOptions {
  std::int64_t rank = 0;  // R; 0: no adapters, every weight is trained
  double alpha = 16.0;    // the product is scaled by alpha / rank
  std::vector<std::string> targets{"attention.qkv", "attention.out", "mlp.gate_up", "mlp.down"};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("rank", self.rank, "rank of the adapters, 0 for none");
    visitor("alpha", self.alpha, "their product is scaled by alpha / rank");
    visitor("targets", self.targets, "matrices of each block that have one");
  }
  void validate() const;
  double scale() const { return alpha / static_cast<double>(rank); }
};

// The adapters of one block: for each target W_OI the pair A_RI ("down") and B_OR ("up").
class BlockAdapters {
 public:
  // Registers blocks.INDEX.TARGET.lora.{down,up}. A is drawn from `key`, B is zero: the net begins as it was.
  BlockAdapters(ParameterSet& parameters, const Block& block, const AdapterOptions& options, std::int64_t index,
                RandomKey key);

  // The block with W + scale B A in place of each target W; gradients flow to A and B.
  Block applied_to(const Block& block) const;

 private:
  struct Pair {
    at::Tensor Block::*target;
    at::Tensor down_RI, up_OR;
  };
  std::vector<Pair> pairs_;
  double scale_;
};

// Weights by name with every adapter added to its matrix, and gone: what a net without adapters loads. Others are as
// they were.
std::map<std::string, at::Tensor> merge_adapters(const std::map<std::string, at::Tensor>& weights,
                                                 const AdapterOptions& options);

}  // namespace palimpsest
