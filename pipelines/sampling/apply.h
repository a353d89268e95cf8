// Applying a decision: checked, written into the batch, recorded; then what follows an `end` is filled.
#pragma once

#include "pipelines/sampling/batch.h"
#include "pipelines/sampling/trace.h"

namespace palimpsest {

// c10::Error for a decision that a policy may not take: a write where nothing is to be written, of an id that is not
// legal there, or a change of what is given.
void apply(Batch& batch, Pace& pace, const StepView& view, const Decision& decision, std::vector<TraceEvent>& events);

}  // namespace palimpsest
