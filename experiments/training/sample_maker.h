// Samples of a backbone in training: a few items a task, the same at every look, so that progress shows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/training/initial_weights.h"
#include "experiments/training/role_task.h"
#include "experiments/training/task.h"
#include "experiments/training/token_data.h"
#include "pipelines/sampling/options.h"

namespace palimpsest {

class SampleMaker {
 public:
  // Given roles come from the first held-out split, or from the training data where there is none. Without tasks all
  // roles are made of nothing. The sampler is the recipe's.
  SampleMaker(const Recipe& recipe, const TableMeaning& meaning, std::vector<RoleTask> tasks, TokenSets& sets);

  std::vector<TaskSamples> make(const DiffusionModel& model, std::int64_t count) const;

 private:
  std::vector<std::map<std::string, at::Tensor>> given_items(const RoleTask& task, std::int64_t count) const;
  std::map<std::string, Media> decoded(const std::map<std::string, at::Tensor>& ids) const;

  Tokenizers tokenizers_;
  std::vector<RoleTask> tasks_;
  std::shared_ptr<TokenSet> rows_;
  SamplerOptions sampler_;
};

}  // namespace palimpsest
