// The curriculum: what steps see, and how noise falls on it, by step.
//
//   [[curriculum]]
//   from = 2000
//   data.role_sets.all.weight = 4.0        # any key of [data], [diffusion] or [canvas.roles.ROLE]
//   diffusion.patterns.blocks.weight = 1.0
//   canvas.roles.caption.bound = 12        # shorter than the recipe's: only rows that fit are drawn
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "experiments/training/token_data.h"
#include "modalities/canvas/schema.h"

namespace palimpsest {

// What one kind of step sees: the whole schema and data, or one of the recipe's role sets.
struct PageView {
  double up_to = 1;  // cumulative share of the steps
  CanvasSchema schema;
  std::shared_ptr<const Mixture> samples;
};

struct Stage {
  std::int64_t from = 0;  // first step
  DiffusionOptions diffusion;
  std::vector<PageView> views;
  std::int64_t packed = 0;  // positions of a row that whole documents share; 0: a row each

  double mean_length() const;  // positions of a sample
};

// How a stage's canvas is made of its recipe's table [canvas].
using SchemaMaker = std::function<CanvasSchema(const Recipe&)>;

class Curriculum {
 public:
  // The recipe itself is the first stage; each table of [[curriculum]] is laid over the stage before it. InputError, at
  // the line of the file: steps that do not rise, keys of other tables, roles that change, a canvas longer than the
  // recipe's.
  Curriculum(const Recipe& recipe, const SchemaMaker& make_schema, TokenSets& sets, RandomKey key);

  // Pure functions of the step.
  const Stage& stage_at(std::int64_t step) const;
  const PageView& view_at(std::int64_t step) const;

  const std::vector<Stage>& stages() const { return stages_; }

 private:
  std::vector<Stage> stages_;
  RandomKey key_;
};

}  // namespace palimpsest
