// A least-squares task small enough to know by heart: y = x M + noise, drawn by the sample's global index.
//
// Shapes: B samples, I inputs (6), O outputs (4).
#pragma once

#include <ATen/ATen.h>

#include <limits>
#include <set>

#include "experiments/training/options.h"
#include "experiments/training/task.h"

namespace palimpsest {

class ToyTask : public TrainingTask {
 public:
  ToyTask(const TrainingOptions& options, std::set<std::int64_t> broken_steps = {})
      : options_(options), broken_steps_(std::move(broken_steps)), key_(RandomKey::root(7)) {
    weight_IO_ = parameters_.add("body", normal(key_.fold("weight"), {6, 4}) * 0.1);
    bias_O_ = parameters_.add("bias", at::zeros({4}));
  }

  ParameterSet& parameters() override { return parameters_; }

  MicroBatchContent content(const StepPosition& position) const override {
    const std::int64_t share = options_.batch / options_.micro_batches;
    const std::int64_t begin = position.step * options_.batch + position.micro_batch * share;
    MicroBatchContent content;
    std::vector<at::Tensor> inputs;
    for (std::int64_t i = begin; i < begin + share; ++i) {
      inputs.push_back(normal(key_.fold("sample").fold(static_cast<std::uint64_t>(i)), {6}));
      content.samples.push_back("sample-" + std::to_string(i));
    }
    content.tensors["input_BI"] = at::stack(inputs);
    return content;
  }

  LossReport loss(const StepPosition& position) override {
    ++calls;
    const at::Tensor input_BI = content(position).tensors.at("input_BI");
    const at::Tensor target_BO = input_BI.matmul(normal(key_.fold("truth"), {6, 4})) + 0.5;
    at::Tensor error = (input_BI.matmul(weight_IO_) + bias_O_ - target_BO).square().mean();
    const double value = error.item<double>();
    if (broken_steps_.count(position.step)) error = error * std::numeric_limits<double>::infinity();
    return {error, {{"error", value}}};
  }

  std::map<std::string, double> validate(std::int64_t) override {
    return {{"held-out/weight", weight_IO_.detach().sum().item<double>()}};
  }
  std::map<std::string, double> units_a_step() const override { return {{"samples", 1.0}}; }
  void save_extras(const std::filesystem::path&) const override {}

  std::int64_t calls = 0;

 private:
  TrainingOptions options_;
  std::set<std::int64_t> broken_steps_;
  RandomKey key_;
  ParameterSet parameters_;
  at::Tensor weight_IO_, bias_O_;
};

}  // namespace palimpsest
