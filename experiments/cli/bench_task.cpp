// Shapes: L positions.
#include "experiments/cli/bench_task.h"

#include <numeric>

namespace palimpsest {

namespace {

TokenCanvas random_canvas(const BenchPreset& preset, const CanvasSchema& schema, RandomKey key) {
  std::vector<Document> documents(static_cast<std::size_t>(preset.batch));
  for (std::size_t row = 0; row < documents.size(); ++row) {
    at::Tensor ids_L = at::empty({preset.length}, at::kLong);
    for (std::int64_t i = 0; i < preset.length; ++i) {
      const auto draw =
          key.fold(row).below(static_cast<std::uint64_t>(preset.vocabulary), static_cast<std::uint64_t>(i));
      ids_L.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(draw);
    }
    documents[row].roles["page"].ids_L = ids_L;
  }
  return build_canvas(schema, documents);
}

}  // namespace

BenchTask::BenchTask(const BenchPreset& preset, const Machine& machine, std::int64_t seed)
    : preset_(preset),
      key_(RandomKey::root(static_cast<std::uint64_t>(seed))),
      schema_(bench_schema(preset)),
      diffusion_(bench_diffusion()),
      transformer_(bench_transformer(preset), schema_, key_.fold("parameters")),
      clean_(random_canvas(preset, schema_, key_.fold("data"))) {
  transformer_.set_compute_type(machine.dtype);
  transformer_.parameters().to(machine.device);
  clean_ = clean_.to(machine.device);
}

LossReport BenchTask::loss(const StepPosition& position) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(preset_.batch));
  std::iota(indices.begin(), indices.end(), position.step * preset_.batch);
  const NoisyCanvas noisy = corrupt(clean_, schema_, diffusion_, {key_.fold("noise"), indices, preset_.batch});
  const DiffusionLoss result = diffusion_loss(transformer_, clean_, noisy, schema_, diffusion_);
  return {result.loss, result.nats};
}

std::map<std::string, double> BenchTask::units_a_step() const {
  return {{"tokens", static_cast<double>(preset_.batch * preset_.length)}};
}

double BenchTask::flops_a_step() const {
  constexpr double kMaskedShare = 0.5;  // mean over times, of positions whose logits are computed
  return 3.0 * transformer_.forward_flops_per_token(preset_.length, kMaskedShare) * units_a_step().at("tokens");
}

}  // namespace palimpsest
