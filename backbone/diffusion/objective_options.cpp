#include "backbone/diffusion/objective_options.h"

namespace palimpsest {

void ObjectiveOptions::validate() const {
  if (!(clip > 0)) throw InputError("", "clip", "must be above 0");
  if (focal != 0 && !(focal >= 1)) {
    throw InputError("", "focal", "must be 0 or at least 1, where its gradient is finite at p = 1");
  }
  if (focal != 0 && kind == ObjectiveKind::kScoreEntropy) {
    throw InputError("", "focal", "weighs a cross-entropy, which kind = \"score-entropy\" has none of");
  }
}

}  // namespace palimpsest
