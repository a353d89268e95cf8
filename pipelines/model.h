// Model: a checkpoint opened for use: its tokenizers, its schema, its denoiser.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "backbone/diffusion/diffusion.h"
#include "backbone/transformer/transformer.h"
#include "base/machine.h"
#include "base/recipe.h"
#include "modalities/canvas/schema.h"
#include "pipelines/sampling/diffusion_model.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

// [canvas.roles.NAME] of a recipe.
struct CanvasRoleOptions {
  std::int64_t bound = 0;  // ids at most (elastic) or exactly (fixed)
  bool elastic = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("bound", self.bound, "ids at most (elastic) or exactly (fixed)");
    visitor("elastic", self.elastic, "filled with end up to the bound");
  }
};

struct CanvasOptions {
  std::vector<std::string> order;                  // of the roles in the canvas; empty: by name
  std::map<std::string, CanvasRoleOptions> roles;  // by name
  std::int64_t packed = 0;                         // positions of a training row that documents share; 0: a row each

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("order", self.order, "order of the roles in the canvas; empty: by name");
    visitor("roles", self.roles, "the roles by name");
    visitor("packed", self.packed, "positions of a training row that whole documents share; 0: a row each");
  }
};

using Tokenizers = std::map<std::string, std::shared_ptr<Tokenizer>>;  // by role

// The schema that roles and their tokenizers make; modalities in role order. InputError: a role without tokenizer, a
// bound that the tokenizer cannot make (an image of 63 ids), roles of one modality with different id spaces.
CanvasSchema make_schema(const CanvasOptions& options, const Tokenizers& tokenizers, const std::string& file);

struct Model {
  std::filesystem::path directory;  // the checkpoint
  Recipe recipe;
  Tokenizers tokenizers;
  CanvasSchema schema;
  DiffusionOptions diffusion;
  std::shared_ptr<Transformer> denoiser;
  Machine machine;

  DiffusionModel diffusion_model() const;  // for sampling and scoring
};

// CHECKPOINT is a checkpoint directory, a run (its newest checkpoint) or a name under checkpoints/. Uses
// ema.safetensors when there is one, else model.safetensors. InputError: none there, half-written, tensors that do not
// fit the recipe (named).
Model load_model(const std::string& checkpoint, const MachineOptions& options);

// The directory that `checkpoint` names, by the same rules.
std::filesystem::path resolve_checkpoint(const std::string& checkpoint);

// The weights that a checkpoint is used with: its average where it has one.
std::filesystem::path weights_of(const std::filesystem::path& checkpoint);

}  // namespace palimpsest
