// An exponential moving average of a net's parameters, and the gradients' global norm.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/parameters.h"

namespace palimpsest {

// average <- d average + (1-d) parameter after each step, d = min(memory, (1+n)/(10+n)) after n updates, so that the
// initial values are soon forgotten. With memory 0 it is the parameters themselves.
class ParameterAverage {
 public:
  ParameterAverage(const ParameterSet& parameters, double memory);

  // After a step: moves all but what was taken since the last update.
  void update();
  std::int64_t updates() const { return updates_; }

  // The average of a parameter, for whoever changes the parameter and moves its average along by `share()` of the way:
  // the next update leaves it out.
  at::Tensor take(const std::string& name);
  double share() const;  // 1-d of the next update

  std::map<std::string, at::Tensor> values() const;
  // As saved after so many updates. InputError naming `file` and the tensor: missing, another shape.
  void load(const std::map<std::string, at::Tensor>& values, std::int64_t updates, const std::string& file);

  // While it lives, the net computes with the average; then its own values are back, bit for bit.
  class Use {
   public:
    explicit Use(const ParameterAverage& average);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const ParameterAverage& average_;
    std::vector<at::Tensor> own_;
  };

 private:
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_, average_;
  std::map<std::string, std::size_t> places_;  // by name
  std::vector<bool> taken_;
  double memory_;
  std::int64_t updates_ = 0;
};

// Sqrt of the sum of squares of all gradients; not finite when any gradient is not.
double gradient_norm(const ParameterSet& parameters);

// Forgets the gradients (the next backward pass need not add to zeros).
void clear_gradients(const ParameterSet& parameters);

}  // namespace palimpsest
