// TokenizerTask: training of a picture, sound or text tokenizer on media itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/training/task_factory.h"
#include "tokenizers/trainable.h"

namespace palimpsest {

// [tokenizer] of a tokenizer's recipe, besides its `kind` and `[tokenizer.options]`.
struct TokenizerTaskOptions {
  std::string role;  // of the data: what the tokenizer reads
  std::string split = "train";
  std::vector<std::string> validation;  // held-out splits
  std::int64_t validation_items = 256;  // of each held-out split, the first in a keyed order
  std::int64_t observed_items = 0;      // shown to the tokenizer once before training; 0: all

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("role", self.role, "the role of the data that the tokenizer reads");
    visitor("split", self.split, "the split to train on");
    visitor("validation", self.validation, "held-out splits");
    visitor("validation_items", self.validation_items, "items of each held-out split");
    visitor("observed_items", self.observed_items, "items shown once before training (statistics, merges), 0 for all");
  }
  void validate() const;
};

class TokenizerTask : public TrainingTask {
 public:
  explicit TokenizerTask(const TaskRequest& request);

  ParameterSet& parameters() override { return tokenizer_->parameters(); }
  // Items step * batch + ... of a keyed order that is shuffled anew every epoch.
  LossReport loss(const StepPosition& position) override;
  // "unseen-style/psnr": the tokenizer's figures on held-out items.
  std::map<std::string, double> validate(std::int64_t step) override;
  std::map<std::string, double> units_a_step() const override;
  // tokenizer/: the tokenizer as encode, decode and prepare open it.
  void save_extras(const std::filesystem::path& checkpoint) const override;

 private:
  TrainingOptions training_;
  TokenizerTaskOptions options_;
  RandomKey key_;
  std::unique_ptr<TrainableTokenizer> tokenizer_;
  std::vector<Media> train_;
  std::map<std::string, std::vector<Media>> held_out_;  // by split
};

}  // namespace palimpsest
