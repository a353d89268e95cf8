#include "experiments/training/backbone_task.h"

#include <cmath>
#include <numeric>

#include "backbone/diffusion/distillation.h"
#include "base/errors.h"
#include "datasets/sources/data_options.h"
#include "experiments/training/copy_tree.h"
#include "experiments/training/exchange.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchesAhead = 2;

using TokenizerPlaces = std::map<std::string, TokenizerPlace>;

TokenizerPlaces read_places(const Recipe& recipe) {
  TokenizerPlaces places;
  if (const toml::table* table = recipe.table["tokenizers"].as_table()) {
    for (const auto& [role, node] : *table) {
      const std::string key = "tokenizers." + std::string(role.str());
      if (!node.is_table()) throw InputError(recipe.file, key, "must be a table");
      places[std::string(role.str())] = read_options<TokenizerPlace>(*node.as_table(), recipe.file, key);
    }
  }
  return places;
}

fs::path find_tokenizer(const TokenizerPlaces& places, const std::string& role, const std::string& file) {
  const auto place = places.find(role);
  if (place == places.end()) throw InputError(file, "tokenizers." + role, "is missing: the canvas has this role");
  return find_data(place->second.path, "tokenizers." + role + ".path");
}

double total(const std::map<std::string, double>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0,
                         [](double sum, const auto& entry) { return sum + entry.second; });
}

void check_batch(const DiffusionOptions& diffusion, const TrainingOptions& training, const std::string& file) {
  if (diffusion.complementary && training.batch % 2 != 0) {
    throw InputError(file, "training.batch",
                     "must be even with diffusion.complementary, which takes documents twice, got " +
                         std::to_string(training.batch));
  }
}

}  // namespace

BackboneTask::BackboneTask(const TaskRequest& request)
    : training_(request.training),
      machine_(request.machine),
      peers_(request.peers),
      key_(RandomKey::root(static_cast<std::uint64_t>(request.training.seed))),
      prefetcher_([this](std::int64_t number) { return prepare(number); }, kBatchesAhead) {
  const Recipe& recipe = request.recipe;
  read_page(recipe);
  TokenSets sets(meaning_.fingerprints);
  const auto make_canvas = [this](const Recipe& of) {
    return make_schema(recipe_options<CanvasOptions>(of, "canvas"), meaning_.tokenizers, of.file);
  };
  curriculum_.emplace(recipe, make_canvas, sets, key_);
  for (const Stage& stage : curriculum_->stages()) check_batch(stage.diffusion, training_, recipe.file);
  validation_.emplace(recipe, schema(), sets);
  const auto net = recipe_options<TransformerOptions>(recipe, "backbone");
  meaning_.digits = net.digits;
  transformer_ = std::make_shared<Transformer>(net, schema(), key_.fold("parameters"));
  const auto adapters = recipe_options<AdapterOptions>(recipe, "lora");
  if (adapters.rank > 0) {
    if (training_.start_from.empty()) throw InputError(recipe.file, "lora", "adapts what training.start_from names");
    transformer_->add_adapters(adapters, key_.fold("adapters"));
  }
  transformer_->parameters().to(machine_.device);
  transformer_->set_compute_type(machine_.dtype);
  teacher_ = make_teacher(recipe, {schema(), meaning_.fingerprints}, machine_);
  samples_.emplace(recipe, meaning_, validation_->tasks(), sets);
}

void BackboneTask::read_page(const Recipe& recipe) {
  const auto canvas = recipe_options<CanvasOptions>(recipe, "canvas");
  const TokenizerPlaces places = read_places(recipe);
  for (const auto& [role, bounds] : canvas.roles) {
    tokenizer_paths_[role] = find_tokenizer(places, role, recipe.file);
    meaning_.tokenizers[role] = load_tokenizer(tokenizer_paths_[role]);
    meaning_.fingerprints[role] = tokenizer_fingerprint(tokenizer_paths_[role]);
  }
  meaning_.schema = make_schema(canvas, meaning_.tokenizers, recipe.file);
}

TokenBatch BackboneTask::batch_at(std::int64_t step, const std::vector<std::int64_t>& indices) const {
  const PageView& view = curriculum_->view_at(step);
  const Stage& stage = curriculum_->stage_at(step);
  return token_batch(*view.samples, {view.schema, {}, stage.packed}, stage.diffusion,
                     {key_.fold("noise"), indices, training_.batch});
}

std::vector<std::int64_t> BackboneTask::indices_of(const StepPosition& position) const {
  const std::int64_t share = training_.batch / training_.micro_batches;
  return consecutive(position.step * training_.batch + position.micro_batch * share, share);
}

BackboneTask::Prepared BackboneTask::prepare(std::int64_t number) {
  const std::int64_t step = number / own_parts(), first = peers_->rank() * own_parts();
  Prepared prepared{batch_at(step, indices_of({step, first + number % own_parts()})), {}};
  if (training_.micro_batches == 1) return prepared;
  if (own_batch_.step != step) {
    const std::int64_t share = training_.batch / peers_->size();
    const TokenBatch own = batch_at(step, consecutive(step * training_.batch + peers_->rank() * share, share));
    own_batch_ = {step, noised_positions(own, schema().vocabulary())};
  }
  prepared.noised_here = own_batch_.noised;
  return prepared;
}

std::map<std::string, double> BackboneTask::micro_factors(const Prepared& part, std::int64_t step) {
  if (whole_batch_.step != step) whole_batch_ = {step, gather_sums(*peers_, part.noised_here)};
  const auto factor = [this](double here, double of) {
    return of > 0 ? static_cast<double>(training_.micro_batches) * here / of : 0.0;
  };
  const std::map<std::string, double> here = noised_positions(part.batch, schema().vocabulary());
  std::map<std::string, double> factors{{"", factor(total(here), total(whole_batch_.noised))}};
  for (const auto& [modality, all] : whole_batch_.noised) factors[modality] = factor(here.at(modality), all);
  return factors;
}

MicroBatchContent BackboneTask::content(const StepPosition& position) const {
  const std::vector<std::int64_t> indices = indices_of(position);
  const TokenBatch part = batch_at(position.step, indices);
  MicroBatchContent content{{{"clean_tokens_BL", part.clean.tokens_BL},
                             {"noisy_tokens_BL", part.noisy.canvas.tokens_BL},
                             {"t_BL", part.noisy.t_BL}},
                            {}};
  const Mixture& samples = *curriculum_->view_at(position.step).samples;
  for (const std::int64_t index : indices) {
    const Mixture::Place place = samples.place(curriculum_->stage_at(position.step).diffusion.sample_of(index));
    content.samples.push_back(samples.part(place.part).set->key(place.row));
  }
  return content;
}

LossReport BackboneTask::loss(const StepPosition& position) {
  const std::int64_t own_part = position.micro_batch - peers_->rank() * own_parts();
  const Prepared prepared = prefetcher_.take(position.step * own_parts() + own_part);
  DiffusionOptions options = curriculum_->stage_at(position.step).diffusion;
  std::map<std::string, double> factors;
  if (training_.micro_batches > 1) {
    factors = micro_factors(prepared, position.step);
    const bool one_mean = options.normalisation == LossNormalisation::kPerToken;
    for (const auto& [modality, factor] : factors) {
      if (modality.empty()) continue;
      options.weights[modality] = options.weight_of(modality) * (one_mean ? factors.at("") : factor);
    }
  }
  const CanvasSchema& canvas = curriculum_->view_at(position.step).schema;
  const TokenCanvas clean = prepared.batch.clean.to(machine_.device);
  const NoisyCanvas noisy = prepared.batch.noisy.to(machine_.device);
  OnePassDenoiser once(*transformer_);
  Denoiser& student = teacher_ ? static_cast<Denoiser&>(once) : *transformer_;
  DiffusionLoss result = diffusion_loss(student, clean, noisy, canvas, options);
  for (auto& [modality, nats] : result.nats) {  // so that their mean over the parts is the whole batch's figure
    if (!factors.empty()) nats *= factors.at(modality);
  }
  if (!teacher_) return {result.loss, result.nats};
  at::Tensor taught = teacher_->loss(student, clean, noisy, canvas);
  if (!factors.empty()) taught = taught * factors.at("");
  result.nats["distillation"] = taught.item<double>();
  return {result.loss + taught, result.nats};
}

std::map<std::string, double> BackboneTask::validate(std::int64_t) {
  return validation_->figures(*transformer_, machine_.device, training_.batch / training_.micro_batches, *peers_);
}

std::map<std::string, double> BackboneTask::units_a_step() const {
  const auto samples = static_cast<double>(training_.batch);
  return {{"samples", samples}, {"tokens", samples * mean_length()}};
}

double BackboneTask::mean_length() const {
  const std::vector<Stage>& stages = curriculum_->stages();
  double mean = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const std::int64_t end = i + 1 < stages.size() ? stages[i + 1].from : training_.steps;
    const auto steps = static_cast<double>(std::max<std::int64_t>(0, std::min(end, training_.steps) - stages[i].from));
    mean += steps / static_cast<double>(training_.steps) * stages[i].mean_length();
  }
  return mean;
}

double BackboneTask::flops_a_step() const {
  constexpr double kMaskedShare = 0.5;  // mean over times, of positions whose logits are computed
  return 3.0 * transformer_->forward_flops_per_token(std::llround(mean_length()), kMaskedShare) *
         units_a_step().at("tokens");
}

std::int64_t BackboneTask::longest_step() const {
  std::int64_t longest = 0;
  for (std::int64_t step = 1; step < training_.steps; ++step) {
    if (curriculum_->view_at(step).schema.length() > curriculum_->view_at(longest).schema.length()) longest = step;
  }
  return longest;
}

void BackboneTask::load_initial(const fs::path& weights) {
  load_initial_weights(parameters(), meaning_, weights.parent_path());
}

std::vector<TaskSamples> BackboneTask::samples(std::int64_t count) const {
  return samples_->make({transformer_, schema(), curriculum_->stages().front().diffusion, machine_.device}, count);
}

void BackboneTask::save_extras(const fs::path& checkpoint) const {
  for (const auto& [role, path] : tokenizer_paths_) copy_tree(path, checkpoint / "tokenizers" / role);
}

}  // namespace palimpsest
