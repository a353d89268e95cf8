// TrainingTask: what the one trainer needs of anything it trains (backbone, tokenizer, scorer).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/loss_report.h"
#include "base/machine.h"
#include "base/parameters.h"
#include "base/random.h"
#include "base/safetensors.h"
#include "modalities/media/media.h"

namespace palimpsest {

class Transformer;

// Where training stands: global step (from 0) and micro-batch within it, of those of all processes. A task is a pure
// function of this: its data and noise are keyed by seed, step and micro-batch, so that a resumed run sees bitwise what
// an undisturbed one would have.
struct StepPosition {
  std::int64_t step = 0;
  std::int64_t micro_batch = 0;
};

// What a micro-batch is made of, for people to look at when it goes wrong.
struct MicroBatchContent {
  std::map<std::string, at::Tensor> tensors;
  std::vector<std::string> samples;  // keys
};

// What was made of one task's items: "caption-to-picture".
struct TaskSamples {
  struct Item {
    std::map<std::string, Media> given, made;  // by role
  };
  std::string name;
  std::vector<Item> items;
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  virtual ParameterSet& parameters() = 0;
  virtual LossReport loss(const StepPosition& position) = 0;

  // Empty when the task cannot say.
  virtual MicroBatchContent content(const StepPosition&) const { return {}; }

  // Held-out figures at a step; empty when the task has none. Of several processes all are asked, and say the same.
  virtual std::map<std::string, double> validate(std::int64_t step) = 0;

  // Work units a step (samples, tokens) for the rate on the progress bar.
  virtual std::map<std::string, double> units_a_step() const = 0;

  // Floating-point operations of a step, forward and backward; 0 when not counted.
  virtual double flops_a_step() const { return 0.0; }

  // The net whose blocks may lie in parts in several processes; none where there is no such net. All processes then
  // make the same forward passes, in `loss` one each.
  virtual Transformer* blocked_net() { return nullptr; }

  // A step, counted from 0, that needs as much memory as any.
  virtual std::int64_t longest_step() const { return 0; }

  // Takes a finished checkpoint's weights for a fresh run: by name, all of the same shapes unless the task knows
  // better.
  virtual void load_initial(const std::filesystem::path& weights) {
    parameters().load(read_safetensors(weights).tensors, weights.string());
  }

  // What the net makes now, to be looked at; empty when the task makes nothing. The same draws at every step.
  virtual std::vector<TaskSamples> samples(std::int64_t count) const {
    (void)count;
    return {};
  }

  // Writes what a finished checkpoint of this kind holds beside model.safetensors (tokenizer.json, tokenizers/ROLE,
  // scores).
  virtual void save_extras(const std::filesystem::path& checkpoint) const = 0;
};

}  // namespace palimpsest
