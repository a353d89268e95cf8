#include "experiments/cli/bench_preset.h"

#include <algorithm>

#include "base/errors.h"

namespace palimpsest {

const BenchPreset& find_bench_preset(const std::string& name) {
  const auto* found = std::find_if(kBenchPresets.begin(), kBenchPresets.end(),
                                   [&name](const BenchPreset& preset) { return preset.name == name; });
  if (found != kBenchPresets.end()) return *found;
  std::vector<std::string> names;
  for (const BenchPreset& preset : kBenchPresets) names.emplace_back(preset.name);
  throw InputError("command line", "--preset", "unknown preset '" + name + "'" + suggest(name, names));
}

CanvasSchema bench_schema(const BenchPreset& preset) {
  return CanvasSchema({{"page", text_layout(preset.length), false}}, Vocabulary({{"text", {preset.vocabulary}}}));
}

TransformerOptions bench_transformer(const BenchPreset& preset) {
  TransformerOptions options;
  options.width = preset.width;
  options.layers = preset.layers;
  options.heads = options.key_value_heads = preset.heads;
  options.qk_norm = false;
  options.tied = false;
  options.checkpoint_layers = preset.checkpoint_layers;
  return options;
}

DiffusionOptions bench_diffusion() {
  DiffusionOptions options;
  options.normalisation = LossNormalisation::kPerToken;
  options.conditional = 0;
  return options;
}

TrainingOptions bench_training(const BenchPreset& preset) {
  TrainingOptions options;
  options.batch = preset.batch;
  options.optimizer = OptimizerKind::kAdamW;
  options.learning_rate = 3e-4;
  options.weight_decay = 0.1;
  return options;
}

}  // namespace palimpsest
