// What a loss tells besides its value.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace palimpsest {

// A scalar with gradient, and named figures for the log (nats a token by modality, PSNR in dB, ...).
struct LossReport {
  at::Tensor loss;
  std::map<std::string, double> figures;
};

}  // namespace palimpsest
