// TrainableTokenizer: a tokenizer whose net the one trainer can train.
#pragma once

#include <vector>

#include "base/loss_report.h"
#include "base/parameters.h"
#include "base/random.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

class TrainableTokenizer : public Tokenizer {
 public:
  virtual ParameterSet& parameters() = 0;

  // Loss of a batch of media; `key` names this step's draws (crops, dropout). figures: "psnr", "mse", ...
  virtual LossReport loss(const std::vector<Media>& batch, RandomKey key) = 0;

  // Called once before training with all media of the train split: what is learned without gradients (BPE learns its
  // merges here).
  virtual void observe(const std::vector<Media>& sample) { (void)sample; }
};

}  // namespace palimpsest
