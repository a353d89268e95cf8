// Trace: every choice of a generation, so that it can be saved, replayed bit for bit and drawn as a film strip.
//
// Shapes: B rows, L positions.
#pragma once

#include <ATen/core/Tensor.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace palimpsest {

struct TraceEvent {
  std::int64_t row = 0, position = 0;  // position within the row
  std::int64_t step = 0;
  std::int64_t id = 0;   // what stands there now; the mask id when it was masked again
  double log_prob = 0;   // of the id when it was drawn; 0 for what follows an `end` and for masking
  bool implied = false;  // not drawn: `end` after an `end`

  bool operator==(const TraceEvent&) const = default;
};

struct Trace {
  at::Tensor start_BL;  // int64 ids before the first step
  std::int64_t steps = 0;
  std::vector<TraceEvent> events;  // in step order; of one step, rows ascending in blocks, as applied

  // Ids after the first `steps_done` steps.
  at::Tensor replay(std::int64_t steps_done) const;
  at::Tensor replay() const { return replay(steps); }
};

// One object: start (rows of ids), steps, events as [row, position, step, id, log_prob, implied].
nlohmann::json trace_to_json(const Trace& trace);

// InputError naming `file` for anything else.
Trace trace_from_json(const nlohmann::json& json, const std::string& file);

}  // namespace palimpsest
