#include "experiments/training/token_validation.h"

#include "experiments/training/exchange.h"
#include "experiments/training/split_rows.h"

namespace palimpsest {

TokenValidation::TokenValidation(const Recipe& recipe, const CanvasSchema& schema, TokenSets& sets)
    : diffusion_(recipe_options<DiffusionOptions>(recipe, "diffusion").for_validation()) {
  const auto data = recipe_options<TokenDataOptions>(recipe, "data");
  most_rows_ = data.validation_rows;
  for (const std::string& task : data.tasks) tasks_.push_back(parse_role_task(task, schema, recipe.file, "data.tasks"));
  for (const std::string& split : data.validation) {
    std::shared_ptr<TokenSet> set = sets.open(data.directory, split, schema);
    if (data.split_long) set = split_long_rows(std::move(set), schema);
    add_part(split, schema, {}, set);
    for (const RoleTask& task : tasks_) {
      const CanvasSchema small = schema.with_roles(task.roles());
      add_part(split + "/" + task.name(), small, task.given, rows_with_roles(set, task.roles()));
    }
  }
}

void TokenValidation::add_part(std::string name, const CanvasSchema& schema, std::vector<std::string> given,
                               std::shared_ptr<TokenSet> set) {
  const std::int64_t count = std::min(most_rows_, set->rows());
  if (count == 0) return;
  const std::vector<MixturePart> all{{std::move(set), 1.0}};
  parts_.push_back({std::move(name), schema, std::move(given),
                    std::make_shared<const Mixture>(all, RandomKey::root(0).fold("validation")), count});
}

std::map<std::string, double> TokenValidation::figures(Denoiser& denoiser, c10::Device device,
                                                       std::int64_t rows_at_once, Peers& peers) const {
  const RandomKey noise = RandomKey::root(0).fold("validation noise");
  std::map<std::string, double> figures, positions;
  std::vector<std::pair<const Part*, std::int64_t>> batches;  // where each begins
  for (const Part& part : parts_) {
    for (std::int64_t begin = 0; begin < part.count; begin += rows_at_once) batches.emplace_back(&part, begin);
  }
  const std::int64_t rounds = (std::ssize(batches) + peers.size() - 1) / peers.size();
  for (std::int64_t round = 0; round < rounds; ++round) {
    // Who has nothing left in the last round takes a batch that does not count: all make the same passes.
    const std::int64_t index = round * peers.size() + peers.rank();
    const bool counts = index < std::ssize(batches);
    const auto& [part_at, begin] = batches[static_cast<std::size_t>(counts ? index : std::ssize(batches) - 1)];
    const Part& part = *part_at;
    DiffusionOptions options = diffusion_;
    if (!part.given.empty()) options.conditional = options.hide_given = 0.0;  // given is what the task gives
    const std::int64_t count = std::min(rows_at_once, part.count - begin);
    const TokenBatch batch =
        token_batch(*part.rows, {part.schema, part.given}, options, {noise, consecutive(begin, count), part.count});
    const NoisyCanvas noisy = batch.noisy.to(device);
    const DiffusionLoss result = diffusion_loss(denoiser, batch.clean.to(device), noisy, part.schema, options);
    if (!counts) continue;
    const std::map<std::string, double> weights = noised_positions(batch, part.schema.vocabulary());
    for (const auto& [modality, nats] : result.nats) {
      figures[part.name + "/" + modality] += weights.at(modality) * nats;
      positions[part.name + "/" + modality] += weights.at(modality);
    }
  }
  figures = gather_sums(peers, figures);
  positions = gather_sums(peers, positions);
  for (auto& [name, value] : figures) value /= positions[name];
  return figures;
}

}  // namespace palimpsest
