// Constraint: which ids may stand where, beyond what the vocabulary allows.
//
// Shapes: M positions of one legality class, R ids of it.
#pragma once

#include <memory>

#include "modalities/canvas/canvas.h"
#include "pipelines/sampling/options.h"
#include "pipelines/sampling/policy.h"

namespace palimpsest {

class Constraint {
 public:
  virtual ~Constraint() = default;

  // Puts -inf, in place, at the ids that may not stand at the flat positions of the canvas as it is now. Columns are
  // the ids of the positions' class (place_of says which).
  virtual void forbid(const TokenCanvas& canvas, const at::Tensor& position_M, const LegalClass& legal,
                      at::Tensor& logits_MR) const = 0;

  // Whether a write that a policy decided on may not be done. It is then drawn anew without that id, so that what is
  // written follows the model's distribution over the ids that stand.
  virtual bool vetoes(const TokenCanvas&, const Write&) const { return false; }
};

// The options' `allow` and `forbid` by role; null when there are none. `end` stays as it is. InputError: an unknown
// role, an id that the role's tokenizer does not have, no id left at a position.
std::shared_ptr<const Constraint> role_constraint(const CanvasSchema& schema, const SamplerOptions& options);

// Both at once; either may be null.
std::shared_ptr<const Constraint> both(std::shared_ptr<const Constraint> first,
                                       std::shared_ptr<const Constraint> second);

// InputError naming role and position where all legal ids are forbidden at one of the flat positions.
void check_leaves_ids(const CanvasSchema& schema, const Constraint& constraint, const TokenCanvas& canvas,
                      const at::Tensor& position_M);

// InputError for the first of the flat positions whose row holds no finite value.
void require_ids(const CanvasSchema& schema, const TokenCanvas& canvas, const at::Tensor& position_M,
                 const LegalRows& values_MR);

}  // namespace palimpsest
