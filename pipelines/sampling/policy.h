// Policy: a pure function from what a step sees to what it wants done. The loop applies, checks and records.
//
// Shapes: B rows, L positions, M masked positions, W written positions, R ids legal at one of them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/random.h"
#include "modalities/canvas/canvas.h"
#include "pipelines/sampling/legal_rows.h"
#include "pipelines/sampling/options.h"
#include "pipelines/sampling/pace.h"

namespace palimpsest {

// What the sampler itself has written and may take back, for policies that revise: positions within active steps, not
// given, and no `end` but a role's first.
struct WrittenView {
  at::Tensor position_W;         // int64, flat into B*L, ascending
  std::vector<double> log_prob;  // of the id when it was written
  LegalRows log_prob_WR;         // as the model sees them now, for policies that read them; else empty
  std::vector<double> quality;   // probability that the id is right, for policies that need the head; else empty
};

// What a policy may look at, on the CPU.
struct StepView {
  const CanvasSchema& schema;
  const TokenCanvas& canvas;  // as it stands before this step
  at::Tensor position_M;      // int64, flat into B*L, ascending: what is still to be written
  LegalRows log_prob_MR;      // after guidance and constraint
  WrittenView written;
  std::int64_t step = 0;
  std::vector<RoleStep> pace;       // by row and role
  std::span<const RandomKey> keys;  // one a row; a draw is keys[row].fold(stream).fold(step).uniform(position in row)
  std::map<std::int64_t, std::uint64_t> redraws;  // how often a write at a flat position was vetoed in this step

  const RoleStep& at(std::int64_t row, std::int64_t role) const {
    return pace[static_cast<std::size_t>(row * schema.num_roles() + role)];
  }
};

struct Write {
  std::int64_t position = 0;  // flat into B*L
  std::int64_t id = 0;
  double log_prob = 0;  // under the view's log-probabilities
};

struct Decision {
  std::vector<Write> writes;             // to masked positions
  std::vector<std::int64_t> mask_again;  // flat positions that were written before
  std::vector<Write> edits = {};         // other ids for positions that were written before
};

class Policy {
 public:
  virtual ~Policy() = default;
  virtual Decision decide(const StepView& view) const = 0;

  virtual bool revises() const { return false; }        // wants view.written
  virtual bool reads_written() const { return false; }  // wants the model's view of it too
  virtual bool needs_quality() const { return false; }  // wants the model's judgement of it
};

std::unique_ptr<Policy> make_policy(const SamplerOptions& options);

}  // namespace palimpsest
