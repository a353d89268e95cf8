// Gradients of several processes, summed in buckets while the backward pass still computes the rest.
#pragma once

#include <memory>
#include <vector>

#include "base/distributed.h"
#include "base/parameters.h"

namespace palimpsest {

// Parameters lie in buckets in the reverse order of their registration, which is about the order in which a backward
// pass reaches them. A bucket's sum sets off when the last of its gradients is there and the buckets before it have set
// off, so that all processes send alike (as in PyTorch's DistributedDataParallel, arXiv 2006.15704).
class GradientBuckets {
 public:
  static constexpr std::int64_t kBucketBytes = 25 << 20;  // large enough for the wire, small enough to overlap

  // Both must outlive the buckets.
  GradientBuckets(const ParameterSet& parameters, Peers& peers, std::int64_t bucket_bytes = kBucketBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  // The next backward pass is the last of its step.
  void begin();

  // Waits for all sums. Afterwards each parameter's gradient is the sum over the processes that had one; it has none
  // where nobody had. The gradients share the buckets' memory until the next begin().
  void finish();

  std::int64_t count() const { return std::ssize(buckets_); }

 private:
  struct Member {
    at::Tensor parameter;
    std::int64_t offset = 0;  // in the bucket
  };
  struct Bucket {
    std::vector<Member> members;
    at::Tensor values;  // gradients in a row, then for each member how many processes have one
    std::int64_t numel = 0, ready = 0;
    Transfer sum;
  };
  class Hook;

  void add(const at::Tensor& parameter, std::int64_t bucket_bytes);
  void note_ready(std::size_t bucket);
  void send(Bucket& bucket);
  void receive(Bucket& bucket);

  Peers& peers_;
  std::vector<Bucket> buckets_;
  std::size_t sent_ = 0;  // buckets that have set off
  bool armed_ = false;
};

}  // namespace palimpsest
