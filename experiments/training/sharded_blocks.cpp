#include "experiments/training/sharded_blocks.h"

#include <c10/core/GradMode.h>

namespace palimpsest {

namespace {

constexpr std::int64_t kAlignment = 16;  // scalars of a parcel that a parameter begins at a multiple of: 64 bytes

std::int64_t aligned(std::int64_t numel) { return (numel + kAlignment - 1) / kAlignment * kAlignment; }

// The memory behind a tensor and all its views, who keep their shapes. No version is counted: what autograd has saved
// finds the values that it saw.
void resize_memory(const at::Tensor& tensor, std::size_t bytes) {
  c10::StorageImpl* memory = tensor.storage().unsafeGetStorageImpl();
  memory->set_data_ptr_noswap(memory->allocator()->allocate(bytes));
  memory->set_nbytes(bytes);
}

}  // namespace

ShardedBlocks::ShardedBlocks(Transformer& net, Peers& peers, Dealer& dealer) : net_(net), peers_(peers) {
  const c10::NoGradGuard no_grad;
  for (std::int64_t index = 0; index < net.num_blocks(); ++index) {
    const ParameterSet parameters = net.block_parameters(index);
    std::vector<std::int64_t> sizes;
    for (const auto& [name, tensor] : parameters.items()) sizes.push_back(tensor.numel());
    const std::vector<std::int64_t> owners = dealer.deal(sizes);
    std::map<std::int64_t, std::vector<at::Tensor>> hands;
    for (std::size_t i = 0; i < owners.size(); ++i) {
      const auto& [name, tensor] = parameters.items()[i];
      owners_[name] = owners[i];
      hands[owners[i]].push_back(tensor);
    }
    Shards& block = blocks_.emplace_back();
    for (const auto& [owner, hand] : hands) block.parcels.push_back(make_parcel(owner, hand));
    release(block);
  }
  net_.watch_blocks(this);
}

ShardedBlocks::~ShardedBlocks() { net_.watch_blocks(nullptr); }

// Moves the parameters into one piece of memory, which travels as it is. Each begins aligned there, and so does its
// gradient among those that are summed.
ShardedBlocks::Parcel ShardedBlocks::make_parcel(std::int64_t owner, const std::vector<at::Tensor>& parameters) const {
  std::int64_t size = 0;
  for (const at::Tensor& parameter : parameters) size += aligned(parameter.numel());
  Parcel parcel{owner, at::zeros({size}, parameters.front().options().requires_grad(false))};
  std::int64_t offset = 0;
  for (const at::Tensor& parameter : parameters) {
    const at::Tensor place = parcel.values.narrow(0, offset, parameter.numel()).view(parameter.sizes());
    place.copy_(parameter);
    parameter.set_data(place);
    offset += aligned(parameter.numel());
    if (!parameter.requires_grad()) continue;
    parcel.trained.push_back({parameter, parcel.trained_numel});
    parcel.trained_numel += aligned(parameter.numel());
  }
  return parcel;
}

void ShardedBlocks::begin_fill(Shards& block) {
  if (block.whole || !block.arriving.empty()) return;
  for (const Parcel& parcel : block.parcels) {
    if (parcel.owner != peers_.rank()) resize_memory(parcel.values, parcel.values.nbytes());
    block.arriving.push_back(peers_.begin_copy(parcel.values, parcel.owner));
  }
}

void ShardedBlocks::fill(Shards& block) {
  begin_fill(block);
  for (const Transfer& arrive : block.arriving) arrive();
  block.arriving.clear();
  block.whole = true;
}

void ShardedBlocks::release(Shards& block) {
  for (const Transfer& arrive : block.arriving) arrive();
  block.arriving.clear();
  for (const Parcel& parcel : block.parcels) {
    if (parcel.owner != peers_.rank()) resize_memory(parcel.values, 0);
  }
  block.whole = false;
}

void ShardedBlocks::before_forward(std::size_t block) {
  if (block == 0 && leading_) told_by_first(true);
  fill(blocks_[block]);
  if (block + 1 < blocks_.size()) begin_fill(blocks_[block + 1]);
}

// The last block is the first of the backward pass.
void ShardedBlocks::after_forward(std::size_t block) {
  if (block + 1 < blocks_.size() || !c10::GradMode::is_enabled()) release(blocks_[block]);
}

void ShardedBlocks::before_backward(std::size_t block) {
  if (open_ == block) return;
  close_backward();
  open_ = block;
  fill(blocks_[block]);
  if (block > 0) begin_fill(blocks_[block - 1]);
}

void ShardedBlocks::close_backward() {
  if (!open_) return;
  receive_sums();
  const c10::NoGradGuard no_grad;
  Shards& block = blocks_[*open_];
  for (Parcel& parcel : block.parcels) {
    if (parcel.trained.empty()) continue;
    const std::int64_t count = std::ssize(parcel.trained);
    const at::Tensor gradients = at::zeros({parcel.trained_numel + count}, parcel.values.options());
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& [parameter, offset] = parcel.trained[static_cast<std::size_t>(i)];
      const at::Tensor gradient = std::exchange(parameter.mutable_grad(), at::Tensor());
      if (!gradient.defined()) continue;
      gradients.narrow(0, offset, parameter.numel()).copy_(gradient.flatten());
      gradients[parcel.trained_numel + i].fill_(1);
    }
    sums_.push_back({&parcel, gradients, peers_.begin_sum_in(gradients, parcel.owner)});
  }
  release(block);
  open_.reset();
}

void ShardedBlocks::receive_sums() {
  for (Sum& sum : sums_) {
    sum.arrive();
    if (sum.parcel->owner != peers_.rank()) continue;
    at::Tensor& so_far = sum.parcel->gradients;
    so_far = so_far.defined() ? so_far.add_(sum.gradients) : sum.gradients;
  }
  sums_.clear();
}

void ShardedBlocks::end_pass() {
  close_backward();
  receive_sums();
  for (Shards& block : blocks_) release(block);  // what no backward pass has asked for
}

void ShardedBlocks::hand_over_gradients() {
  for (Shards& block : blocks_) {
    for (Parcel& parcel : block.parcels) {
      const at::Tensor sum = std::exchange(parcel.gradients, at::Tensor());
      if (!sum.defined()) continue;
      const at::Tensor counts = sum.narrow(0, parcel.trained_numel, std::ssize(parcel.trained)).cpu();
      for (std::int64_t i = 0; i < std::ssize(parcel.trained); ++i) {
        const auto& [parameter, offset] = parcel.trained[static_cast<std::size_t>(i)];
        if (counts[i].item<float>() == 0) continue;
        parameter.mutable_grad() = sum.narrow(0, offset, parameter.numel()).view(parameter.sizes());
      }
    }
  }
}

void ShardedBlocks::in_first(const std::function<void()>& work) {
  const c10::NoGradGuard no_grad;
  if (peers_.first()) {
    leading_ = true;
    work();
    leading_ = false;
    told_by_first(false);
    return;
  }
  while (told_by_first(false)) {
    for (std::size_t block = 0; block < blocks_.size(); ++block) {
      before_forward(block);
      after_forward(block);
    }
  }
}

bool ShardedBlocks::told_by_first(bool value) {
  const at::Tensor told = at::full({1}, value ? 1.0 : 0.0);
  peers_.begin_copy(told, 0)();
  return told.item<float>() > 0;
}

}  // namespace palimpsest
