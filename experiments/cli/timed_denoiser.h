// TimedDenoiser: adds up the time that is spent in another denoiser.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "backbone/denoiser.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

class TimedDenoiser : public Denoiser {
 public:
  explicit TimedDenoiser(std::shared_ptr<Denoiser> denoiser) : denoiser_(std::move(denoiser)) {}

  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return timed([&] { return denoiser_->logits_MV(noisy, rows_M); });
  }
  at::Tensor features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return timed([&] { return denoiser_->features_MD(noisy, rows_M); });
  }
  at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) override {
    return timed([&] { return denoiser_->logits_MR(features_MD, ranges); });
  }
  LogitsHead head(const std::vector<IdRange>& ranges) override {
    return [this, own = timed([&] { return denoiser_->head(ranges); })](const at::Tensor& features_MD) {
      return timed([&] { return own(features_MD); });
    };
  }
  std::int64_t vocabulary_size() const override { return denoiser_->vocabulary_size(); }

  double take_seconds() { return std::exchange(seconds_, 0.0); }

 private:
  template <class Work>
  std::invoke_result_t<Work> timed(const Work& work) {
    const Stopwatch watch;
    auto result = work();
    seconds_ += watch.seconds();
    return result;
  }

  std::shared_ptr<Denoiser> denoiser_;
  double seconds_ = 0;
};

}  // namespace palimpsest
