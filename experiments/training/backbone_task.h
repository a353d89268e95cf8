// BackboneTask: diffusion training of the transformer on prepared shards.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backbone/transformer/transformer.h"
#include "datasets/loading/prefetch.h"
#include "experiments/training/curriculum.h"
#include "experiments/training/initial_weights.h"
#include "experiments/training/sample_maker.h"
#include "experiments/training/task_factory.h"
#include "experiments/training/teacher.h"
#include "experiments/training/token_validation.h"

namespace palimpsest {

// [tokenizers.ROLE]
struct TokenizerPlace {
  std::string path;  // a directory that Tokenizer::save wrote

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("path", self.path, "a tokenizer's directory");
  }
};

class BackboneTask : public TrainingTask {
 public:
  explicit BackboneTask(const TaskRequest& request);

  ParameterSet& parameters() override { return transformer_->parameters(); }
  // Samples step * batch + ... of the global order, each with noise of its own global index: a cut into micro-batches
  // changes neither.
  LossReport loss(const StepPosition& position) override;
  // Ids before and after the noise, noise times, and the keys of the rows.
  MicroBatchContent content(const StepPosition& position) const override;
  // The bound on held-out rows, as TokenValidation says.
  std::map<std::string, double> validate(std::int64_t step) override;
  std::map<std::string, double> units_a_step() const override;
  double flops_a_step() const override;
  Transformer* blocked_net() override { return transformer_.get(); }
  std::int64_t longest_step() const override;
  void load_initial(const std::filesystem::path& weights) override;
  std::vector<TaskSamples> samples(std::int64_t count) const override;
  void save_extras(const std::filesystem::path& checkpoint) const override;

  const CanvasSchema& schema() const { return meaning_.schema; }

 private:
  void read_page(const Recipe& recipe);
  TokenBatch batch_at(std::int64_t step, const std::vector<std::int64_t>& indices) const;
  std::vector<std::int64_t> indices_of(const StepPosition& position) const;  // in the global order
  std::int64_t own_parts() const { return training_.micro_batches / peers_->size(); }
  // A micro-batch of this process, counted from its first of the first step: made ahead, while the one before is
  // learned. With it what is noised in all the parts of the step that are this process's, where there are several.
  struct Prepared {
    TokenBatch batch;
    std::map<std::string, double> noised_here;
  };
  Prepared prepare(std::int64_t number);
  // What each modality's loss of a micro-batch is multiplied with so that the mean over micro-batches is the loss of
  // the whole batch, although each has another number of noised positions; "" for the positions taken together.
  std::map<std::string, double> micro_factors(const Prepared& part, std::int64_t step);
  double mean_length() const;  // positions of a sample, over the run's steps

  TrainingOptions training_;
  Machine machine_;
  std::shared_ptr<Peers> peers_;
  RandomKey key_;
  TableMeaning meaning_;                                          // schema, tokenizers and their fingerprints
  std::map<std::string, std::filesystem::path> tokenizer_paths_;  // by role
  std::optional<Curriculum> curriculum_;
  std::optional<TokenValidation> validation_;
  std::optional<SampleMaker> samples_;
  std::shared_ptr<Transformer> transformer_;
  std::optional<Teacher> teacher_;
  struct StepCounts {
    std::int64_t step = -1;
    std::map<std::string, double> noised;
  } whole_batch_, own_batch_;        // of all processes and of this one, remembered between the parts of a step
  Prefetcher<Prepared> prefetcher_;  // goes first: its thread uses all the rest, and own_batch_ alone
};

}  // namespace palimpsest
