#include "experiments/training/gradient_buckets.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <ranges>

namespace palimpsest {

// Called by autograd when a parameter's gradient is complete.
class GradientBuckets::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientBuckets& owner, std::size_t bucket) : owner_(owner), bucket_(bucket) {}
  void operator()(const torch::autograd::Variable&) override { owner_.note_ready(bucket_); }

 private:
  GradientBuckets& owner_;
  std::size_t bucket_;
};

GradientBuckets::GradientBuckets(const ParameterSet& parameters, Peers& peers, std::int64_t bucket_bytes)
    : peers_(peers) {
  if (peers.alone()) return;
  for (const auto& [name, parameter] : std::views::reverse(parameters.items())) {
    if (parameter.requires_grad()) add(parameter, bucket_bytes);
  }
  for (Bucket& bucket : buckets_) {
    const std::int64_t size = bucket.numel + std::ssize(bucket.members);
    bucket.values = at::empty({size}, bucket.members.front().parameter.options().requires_grad(false));
  }
}

GradientBuckets::~GradientBuckets() {
  for (const Bucket& bucket : buckets_) {
    for (const Member& member : bucket.members) {
      torch::autograd::impl::set_post_acc_grad_hooks(member.parameter, nullptr);
    }
  }
}

void GradientBuckets::add(const at::Tensor& parameter, std::int64_t bucket_bytes) {
  const std::int64_t element = static_cast<std::int64_t>(parameter.element_size());
  if (buckets_.empty() || (buckets_.back().numel + parameter.numel()) * element > bucket_bytes) buckets_.emplace_back();
  Bucket& bucket = buckets_.back();
  bucket.members.push_back({parameter, bucket.numel});
  bucket.numel += parameter.numel();
  torch::autograd::impl::set_post_acc_grad_hooks(parameter, std::make_unique<Hook>(*this, buckets_.size() - 1));
}

void GradientBuckets::begin() {
  for (Bucket& bucket : buckets_) bucket.ready = 0;
  sent_ = 0;
  armed_ = true;
}

void GradientBuckets::note_ready(std::size_t bucket) {
  if (!armed_) return;
  ++buckets_[bucket].ready;
  while (sent_ < buckets_.size() && buckets_[sent_].ready == std::ssize(buckets_[sent_].members)) {
    send(buckets_[sent_++]);
  }
}

void GradientBuckets::finish() {
  while (sent_ < buckets_.size()) send(buckets_[sent_++]);
  for (Bucket& bucket : buckets_) receive(bucket);
  armed_ = false;
}

void GradientBuckets::send(Bucket& bucket) {
  c10::NoGradGuard no_grad;
  for (std::int64_t i = 0; i < std::ssize(bucket.members); ++i) {
    const auto& [parameter, offset] = bucket.members[static_cast<std::size_t>(i)];
    const at::Tensor place = bucket.values.narrow(0, offset, parameter.numel());
    const at::Tensor& gradient = parameter.grad();
    gradient.defined() ? place.copy_(gradient.flatten()) : place.zero_();
    bucket.values[bucket.numel + i].fill_(gradient.defined() ? 1 : 0);
  }
  bucket.sum = peers_.begin_sum(bucket.values);
}

void GradientBuckets::receive(Bucket& bucket) {
  bucket.sum();
  const at::Tensor counts = bucket.values.narrow(0, bucket.numel, std::ssize(bucket.members)).cpu();
  for (std::int64_t i = 0; i < std::ssize(bucket.members); ++i) {
    const auto& [parameter, offset] = bucket.members[static_cast<std::size_t>(i)];
    const bool somewhere = counts[i].item<float>() > 0;
    parameter.mutable_grad() =
        somewhere ? bucket.values.narrow(0, offset, parameter.numel()).view(parameter.sizes()) : at::Tensor();
  }
}

}  // namespace palimpsest
