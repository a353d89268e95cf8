// Loss curves out of a run's log.jsonl.
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/report/svg_plot.h"

namespace palimpsest {

struct LossCurves {
  std::vector<Series> training;    // figures by step, by name: one a modality
  std::vector<Series> validation;  // likewise of held-out splits
  std::vector<Series> course;      // the loss as a whole, the learning rate, the gradient's norm
};

// A last line that was cut off is passed over. InputError: no such file, or a whole line that is not JSON.
LossCurves read_loss_curves(const std::filesystem::path& log);

}  // namespace palimpsest
