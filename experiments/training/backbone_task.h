// BackboneTask: diffusion training of the transformer on prepared shards.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backbone/diffusion/diffusion.h"
#include "backbone/transformer/transformer.h"
#include "datasets/loading/mixture.h"
#include "datasets/loading/prefetch.h"
#include "experiments/training/task_factory.h"
#include "pipelines/model.h"

namespace palimpsest {

// One part of a mixture: [[data.mixture]].
struct MixtureOptions {
  std::string directory;  // as prepared
  std::string split = "train";
  double weight = 1.0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("directory", self.directory, "a directory that prepare wrote");
    visitor("split", self.split, "its split to train on");
    visitor("weight", self.weight, "share of the samples drawn from it, up to a common factor");
  }
  void validate() const;
};

// [data.role_sets.NAME]: steps that see only some roles of the schema, as a query does. Each step draws one set; a
// canvas without sound costs half as much.
struct RoleSetOptions {
  std::vector<std::string> roles;
  double weight = 1.0;
  std::string directory;  // whose samples such a step takes; empty: those of [data]
  std::string split = "train";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("roles", self.roles, "the roles in the canvas of such a step");
    visitor("weight", self.weight, "share of the steps, up to a common factor");
    visitor("directory", self.directory, "a directory that prepare wrote; empty: the samples of [data]");
    visitor("split", self.split, "the split of that directory");
  }
  void validate() const;
};

// [data] of a backbone's recipe.
struct TokenDataOptions {
  std::string directory;  // as prepared; the whole mixture when `mixture` is empty, and the home of validation
  std::string split = "train";
  std::vector<MixtureOptions> mixture;              // several sets
  std::map<std::string, RoleSetOptions> role_sets;  // by name; none: every step sees every role
  std::vector<std::string> validation;              // held-out splits of `directory`
  std::int64_t validation_rows = 128;               // of each split, drawn once
  std::int64_t shuffle_rows = kShuffleRows;         // rows of a large set that are mixed with each other

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("directory", self.directory, "a directory that prepare wrote");
    visitor("split", self.split, "the split to train on");
    visitor("mixture", self.mixture, "several sets with weights, instead of one directory and split");
    visitor("role_sets", self.role_sets, "sets of roles that steps see, by name; none: every step sees every role");
    visitor("validation", self.validation, "held-out splits of the directory");
    visitor("validation_rows", self.validation_rows, "rows of each held-out split, drawn once");
    visitor("shuffle_rows", self.shuffle_rows, "rows of a large set that are mixed with each other, whole row groups");
  }
  void validate() const;
};

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
  // The training objective on held-out rows with noise that is the same every time: "unseen-style/text" in nats a
  // token.
  std::map<std::string, double> validate(std::int64_t step) override;
  std::map<std::string, double> units_a_step() const override;
  double flops_a_step() const override;
  void save_extras(const std::filesystem::path& checkpoint) const override;

  const CanvasSchema& schema() const { return schema_; }

 private:
  // What a step sees: the whole schema and data set, or one of the recipe's role sets, drawn by weight.
  struct StepView {
    double up_to = 1;  // cumulative share of the steps
    CanvasSchema schema;
    std::shared_ptr<const Mixture> samples;
  };
  std::vector<StepView> make_views(const std::map<std::string, std::string>& fingerprints) const;
  const StepView& view_at(std::int64_t step) const;
  double mean_length() const;  // positions of a sample, over the steps' role sets
  double view_length(const StepView& view) const;
  // A batch's rows with their noise, on the CPU.
  struct Batch {
    TokenCanvas clean;
    NoisyCanvas noisy;
  };
  // Documents and their indices in the global order, of the roles that the schema holds.
  struct Samples {
    std::vector<Document> documents;
    std::vector<std::int64_t> indices;
  };
  Samples samples(const Mixture& mixture, const CanvasSchema& schema, const std::vector<std::int64_t>& indices,
                  const DiffusionOptions& options) const;
  // Rows that documents share; samples come back in the rows' order, without those that hold nothing.
  TokenCanvas packed(const CanvasSchema& schema, Samples& samples) const;
  Batch batch(const Mixture& mixture, const CanvasSchema& schema, NoiseSource source, const DiffusionOptions& options,
              bool pack) const;
  // A micro-batch by its number, counted from the first of the first step: made ahead, while the one before is learned.
  struct Prepared {
    Batch batch;
    DiffusionOptions options;
  };
  Prepared prepare(std::int64_t number);
  DiffusionLoss diffuse(const Batch& batch, const DiffusionOptions& options);
  // The options for one micro-batch: weights such that the mean over micro-batches is the loss of the whole batch,
  // although each has another number of noised positions.
  DiffusionOptions micro_options(const Batch& part, std::int64_t step);
  std::map<std::string, double> noised_positions(const Batch& batch) const;  // by modality

  TrainingOptions training_;
  DiffusionOptions diffusion_;
  TokenDataOptions data_;
  Machine machine_;
  RandomKey key_;
  std::map<std::string, std::filesystem::path> tokenizer_paths_;  // by role
  CanvasSchema schema_;
  std::vector<StepView> views_;
  std::map<std::string, std::unique_ptr<Mixture>> held_out_;  // by split
  std::unique_ptr<Transformer> transformer_;
  struct StepCounts {
    std::int64_t step = -1;
    std::map<std::string, double> noised;
  } whole_batch_;  // remembered between the micro-batches of a step
  std::int64_t packed_ = 0;
  Prefetcher<Prepared> prefetcher_;  // goes first: its thread uses all the rest
};

}  // namespace palimpsest
