// The blocks of a transformer that lie in parts in several processes (stage 3 of ZeRO, arXiv 1910.02054).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backbone/transformer/block_watch.h"
#include "backbone/transformer/transformer.h"
#include "base/distributed.h"
#include "experiments/training/dealer.h"

namespace palimpsest {

// Each parameter of a block has an owner, which alone holds it between its uses. Before a block computes, forward or
// backward, its parameters come from their owners, those of the next block already on their way; afterwards what is
// another's is freed. Gradients are summed in the owner when a block's backward pass is done, and freed elsewhere. All
// processes make the same passes.
class ShardedBlocks : public BlockWatch {
 public:
  // Frees what others own. Net and peers must outlive it; afterwards the net still has nothing but this process's own.
  ShardedBlocks(Transformer& net, Peers& peers, Dealer& dealer);
  ~ShardedBlocks() override;
  ShardedBlocks(const ShardedBlocks&) = delete;
  ShardedBlocks& operator=(const ShardedBlocks&) = delete;

  // Of every parameter of a block, by name.
  const std::map<std::string, std::int64_t>& owners() const { return owners_; }

  void before_forward(std::size_t block) override;
  void after_forward(std::size_t block) override;
  void before_backward(std::size_t block) override;
  // After each backward pass.
  void end_pass();
  // After the last of a step: the parameters of this process have their gradients, summed over processes and passes.
  void hand_over_gradients();

  // Runs `work`, which makes forward passes as it likes, in the first process; the others lend their parts to each.
  void in_first(const std::function<void()>& work);

 private:
  struct Member {
    at::Tensor parameter;
    std::int64_t offset = 0;  // in the gradients
  };
  // What one process owns of a block.
  struct Parcel {
    std::int64_t owner = 0;
    at::Tensor values;  // the parameters' memory; empty in the others while it is not used
    std::vector<Member> trained{};
    std::int64_t trained_numel = 0;
    at::Tensor gradients{};  // the owner's sum so far: in a row, then how many processes had each
  };
  struct Shards {
    std::vector<Parcel> parcels{};
    std::vector<Transfer> arriving{};
    bool whole = false;
  };
  struct Sum {
    Parcel* parcel;
    at::Tensor gradients;
    Transfer arrive;
  };

  Parcel make_parcel(std::int64_t owner, const std::vector<at::Tensor>& parameters) const;
  void begin_fill(Shards& block);
  void fill(Shards& block);
  void release(Shards& block);
  void close_backward();  // of the open block
  void receive_sums();
  bool told_by_first(bool value);

  Transformer& net_;
  Peers& peers_;
  std::map<std::string, std::int64_t> owners_;
  std::vector<Shards> blocks_;
  std::optional<std::size_t> open_;  // whose backward pass is under way
  std::vector<Sum> sums_;            // under way
  bool leading_ = false;
};

}  // namespace palimpsest
