// An exponential moving average of a net's parameters, and the gradients' global norm.
#pragma once

#include <ATen/core/Tensor.h>

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

  void update(std::int64_t updates_before);
  std::map<std::string, at::Tensor> values() const;
  void load(const std::map<std::string, at::Tensor>& values, const std::string& file);

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
  double memory_;
};

// Sqrt of the sum of squares of all gradients; not finite when any gradient is not.
double gradient_norm(const ParameterSet& parameters);

// Multiplies every gradient by `factor`, in one pass.
void scale_gradients(const ParameterSet& parameters, double factor);

// Forgets the gradients (the next backward pass need not add to zeros).
void clear_gradients(const ParameterSet& parameters);

}  // namespace palimpsest
