#include "experiments/training/backbone_task.h"

#include <cmath>
#include <numeric>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/sources/data_options.h"
#include "modalities/canvas/packing.h"

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

// The shards must hold every role of the canvas, made by the tokenizer that the recipe names.
void check_set(const TokenSet& set, const std::string& name, const CanvasSchema& schema,
               const std::map<std::string, std::string>& fingerprints) {
  const std::vector<std::string> held = set.roles();
  for (const Role& role : schema.roles()) {
    if (!schema.holds(schema.role_index(role.name))) continue;
    if (std::find(held.begin(), held.end(), role.name) == held.end()) {
      throw InputError(name, role.name, "the shards hold no such role" + suggest(role.name, held));
    }
    if (set.fingerprint(role.name) != fingerprints.at(role.name)) {
      throw InputError(name, role.name,
                       "the shards were made by tokenizer " + set.fingerprint(role.name) + ", the recipe names " +
                           fingerprints.at(role.name) + "; prepare them again");
    }
  }
}

std::vector<std::string> held_roles(const CanvasSchema& schema) {
  std::vector<std::string> names;
  for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
    if (schema.holds(r)) names.push_back(schema.role(r).name);
  }
  return names;
}

std::shared_ptr<TokenSet> open_checked(const std::string& directory, const std::string& split,
                                       const CanvasSchema& schema,
                                       const std::map<std::string, std::string>& fingerprints) {
  std::shared_ptr<TokenSet> set = open_token_set(find_data(directory, "data.directory"), split);
  check_set(*set, directory + " (" + split + ")", schema, fingerprints);
  return set;
}

void copy_directory(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    if (!entry.is_regular_file()) continue;
    const fs::path target = to / entry.path().filename();
    fs::copy_file(entry.path(), target);
    sync_path(target);
  }
}

double total(const std::map<std::string, double>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0,
                         [](double sum, const auto& entry) { return sum + entry.second; });
}

std::vector<std::int64_t> consecutive(std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

}  // namespace

void MixtureOptions::validate() const {
  if (weight <= 0) throw InputError("", "weight", "must be above 0");
}

void RoleSetOptions::validate() const {
  if (roles.empty()) throw InputError("", "roles", "must name at least one role");
  if (weight <= 0) throw InputError("", "weight", "must be above 0");
}

void TokenDataOptions::validate() const {
  if (directory.empty() && mixture.empty())
    throw InputError("", "directory", "is missing: a directory that prepare wrote");
  if (directory.empty() && !validation.empty())
    throw InputError("", "directory", "is missing: validation splits are its");
  if (validation_rows < 1) throw InputError("", "validation_rows", "must be at least 1");
  if (shuffle_rows < 1) throw InputError("", "shuffle_rows", "must be at least 1");
}

BackboneTask::BackboneTask(const TaskRequest& request)
    : training_(request.training),
      diffusion_(recipe_options<DiffusionOptions>(request.recipe, "diffusion")),
      data_(recipe_options<TokenDataOptions>(request.recipe, "data")),
      machine_(request.machine),
      key_(RandomKey::root(static_cast<std::uint64_t>(request.training.seed))),
      prefetcher_([this](std::int64_t number) { return prepare(number); }, kBatchesAhead) {
  if (diffusion_.complementary && training_.batch % 2 != 0) {
    throw InputError(request.recipe.file, "training.batch",
                     "must be even with diffusion.complementary, which takes documents twice, got " +
                         std::to_string(training_.batch));
  }
  const auto canvas = recipe_options<CanvasOptions>(request.recipe, "canvas");
  const TokenizerPlaces places = read_places(request.recipe);
  Tokenizers tokenizers;
  std::map<std::string, std::string> fingerprints;
  for (const auto& [role, bounds] : canvas.roles) {
    tokenizer_paths_[role] = find_tokenizer(places, role, request.recipe.file);
    tokenizers[role] = load_tokenizer(tokenizer_paths_[role]);
    fingerprints[role] = tokenizer_fingerprint(tokenizer_paths_[role]);
  }
  schema_ = make_schema(canvas, tokenizers, request.recipe.file);
  packed_ = canvas.packed;
  if (packed_ != 0 && packed_ < schema_.length()) {
    throw InputError(request.recipe.file, "canvas.packed",
                     "must be 0 or at least the " + std::to_string(schema_.length()) +
                         " positions of a whole document, which is never split; got " + std::to_string(packed_));
  }
  for (const auto& [role, odds] : diffusion_.given_odds) schema_.role_index(role);  // InputError when there is none
  views_ = make_views(fingerprints);
  for (const std::string& split : data_.validation) {
    const std::vector<MixturePart> part{{open_checked(data_.directory, split, schema_, fingerprints), 1.0}};
    held_out_[split] = std::make_unique<Mixture>(part, RandomKey::root(0).fold("validation"));
  }
  const auto net = recipe_options<TransformerOptions>(request.recipe, "backbone");
  transformer_ = std::make_unique<Transformer>(net, schema_, key_.fold("parameters"));
  transformer_->parameters().to(machine_.device);
  transformer_->set_compute_type(machine_.dtype);
}

std::vector<BackboneTask::StepView> BackboneTask::make_views(
    const std::map<std::string, std::string>& fingerprints) const {
  std::vector<MixturePart> parts;
  for (const MixtureOptions& part : data_.mixture)
    parts.push_back({open_checked(part.directory, part.split, schema_, fingerprints), part.weight});
  if (parts.empty()) parts.push_back({open_checked(data_.directory, data_.split, schema_, fingerprints), 1.0});
  const auto all = std::make_shared<const Mixture>(std::move(parts), key_.fold("data"), data_.shuffle_rows);
  if (data_.role_sets.empty()) return {{1.0, schema_, all}};
  double sum = 0, running = 0;
  for (const auto& [name, set] : data_.role_sets) sum += set.weight;
  std::vector<StepView> views;
  for (const auto& [name, set] : data_.role_sets) {
    running += set.weight;
    StepView view{running / sum, schema_.with_roles(set.roles), all};
    if (!set.directory.empty()) {
      const std::vector<MixturePart> own{{open_checked(set.directory, set.split, view.schema, fingerprints), 1.0}};
      view.samples = std::make_shared<const Mixture>(own, key_.fold("data").fold(name), data_.shuffle_rows);
    }
    views.push_back(std::move(view));
  }
  return views;
}

const BackboneTask::StepView& BackboneTask::view_at(std::int64_t step) const {
  const double uniform = key_.fold("role set").uniform(static_cast<std::uint64_t>(step));
  for (const StepView& view : views_) {
    if (uniform < view.up_to) return view;
  }
  return views_.back();
}

BackboneTask::Samples BackboneTask::samples(const Mixture& mixture, const CanvasSchema& schema,
                                            const std::vector<std::int64_t>& indices,
                                            const DiffusionOptions& options) const {
  const std::vector<std::string> held = held_roles(schema);
  const auto foreign = [&held](const std::string& role) {
    return std::find(held.begin(), held.end(), role) == held.end();
  };
  Samples samples{{}, indices};
  for (const std::int64_t index : indices) {
    samples.documents.push_back(mixture.document(mixture.place(options.sample_of(index))));
    std::erase_if(samples.documents.back().roles, [&foreign](const auto& filling) { return foreign(filling.first); });
    std::erase_if(samples.documents.back().hidden, foreign);
  }
  return samples;
}

TokenCanvas BackboneTask::packed(const CanvasSchema& schema, Samples& samples) const {
  Samples whole;
  std::vector<std::int64_t> lengths;
  for (std::size_t number = 0; number < samples.documents.size(); ++number) {
    const std::int64_t length = packed_length(schema, samples.documents[number]);
    if (length == 0) continue;
    lengths.push_back(length);
    whole.documents.push_back(std::move(samples.documents[number]));
    whole.indices.push_back(samples.indices[number]);
  }
  const PackingPlan plan = best_fit(lengths, packed_);
  samples = {};
  for (const auto& row : plan) {
    for (const std::size_t document : row) samples.indices.push_back(whole.indices[document]);
  }
  return pack_canvas(schema, whole.documents, plan, packed_);
}

BackboneTask::Batch BackboneTask::batch(const Mixture& mixture, const CanvasSchema& schema, NoiseSource source,
                                        const DiffusionOptions& options, bool pack) const {
  Samples chosen = samples(mixture, schema, source.global_indices, options);
  const bool holds_something = std::any_of(chosen.documents.begin(), chosen.documents.end(),
                                           [](const Document& document) { return !document.roles.empty(); });
  if (!pack || packed_ == 0 || !holds_something) {
    const TokenCanvas clean = build_canvas(schema, chosen.documents);
    return {clean, corrupt(clean, schema, options, source)};
  }
  const TokenCanvas clean = packed(schema, chosen);
  source.global_indices = chosen.indices;
  return {clean, corrupt(clean, schema, options, source)};
}

DiffusionLoss BackboneTask::diffuse(const Batch& batch, const DiffusionOptions& options) {
  const NoisyCanvas noisy = batch.noisy.to(machine_.device);
  return diffusion_loss(*transformer_, batch.clean.to(machine_.device), noisy, schema_, options);
}

std::map<std::string, double> BackboneTask::noised_positions(const Batch& batch) const {
  const Vocabulary& vocabulary = schema_.vocabulary();
  const at::Tensor noised_BL = batch.noisy.t_BL.gt(0);
  std::map<std::string, double> counts;
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const at::Tensor here_BL = noised_BL.logical_and(batch.clean.modality_BL.eq(k));
    counts[vocabulary.space(k).modality] = here_BL.sum().item<double>();
  }
  return counts;
}

DiffusionOptions BackboneTask::micro_options(const Batch& part, std::int64_t step) {
  if (training_.micro_batches == 1) return diffusion_;
  if (whole_batch_.step != step) {
    const std::vector<std::int64_t> indices = consecutive(step * training_.batch, training_.batch);
    const StepView& view = view_at(step);
    whole_batch_ = {step, noised_positions(batch(*view.samples, view.schema,
                                                 {key_.fold("noise"), indices, training_.batch}, diffusion_, true))};
  }
  DiffusionOptions options = diffusion_;
  const std::map<std::string, double> here = noised_positions(part);
  const bool together = diffusion_.normalisation == LossNormalisation::kPerToken;
  for (const auto& [modality, all] : whole_batch_.noised) {
    const double count = together ? total(here) : here.at(modality);
    const double of = together ? total(whole_batch_.noised) : all;
    const double factor = of > 0 ? static_cast<double>(training_.micro_batches) * count / of : 0.0;
    options.weights[modality] = factor * diffusion_.weight_of(modality);
  }
  return options;
}

BackboneTask::Prepared BackboneTask::prepare(std::int64_t number) {
  const std::int64_t step = number / training_.micro_batches, share = training_.batch / training_.micro_batches;
  const StepView& view = view_at(step);
  Prepared prepared{batch(*view.samples, view.schema,
                          {key_.fold("noise"), consecutive(number * share, share), training_.batch}, diffusion_, true),
                    {}};
  prepared.options = micro_options(prepared.batch, step);
  return prepared;
}

LossReport BackboneTask::loss(const StepPosition& position) {
  const Prepared prepared = prefetcher_.take(position.step * training_.micro_batches + position.micro_batch);
  const DiffusionLoss result = diffuse(prepared.batch, prepared.options);
  return {result.loss, result.nats};
}

std::map<std::string, double> BackboneTask::validate(std::int64_t) {
  const std::int64_t share = training_.batch / training_.micro_batches;
  const RandomKey noise = RandomKey::root(0).fold("validation noise");  // the same whatever the run's seed
  const DiffusionOptions plain = diffusion_.for_validation();
  std::map<std::string, double> figures, positions;
  for (const auto& [split, mixture] : held_out_) {
    const std::int64_t count = std::min(data_.validation_rows, mixture->part(0).set->rows());
    for (std::int64_t begin = 0; begin < count; begin += share) {
      const std::vector<std::int64_t> indices = consecutive(begin, std::min(share, count - begin));
      const Batch part = batch(*mixture, schema_, {noise, indices, count}, plain, false);
      const DiffusionLoss result = diffuse(part, plain);
      const std::map<std::string, double> weights = noised_positions(part);
      for (const auto& [modality, nats] : result.nats) {
        figures[split + "/" + modality] += weights.at(modality) * nats;
        positions[split + "/" + modality] += weights.at(modality);
      }
    }
  }
  for (auto& [name, value] : figures) value /= positions[name];
  return figures;
}

std::map<std::string, double> BackboneTask::units_a_step() const {
  const auto samples = static_cast<double>(training_.batch);
  return {{"samples", samples}, {"tokens", samples * mean_length()}};
}

double BackboneTask::mean_length() const {
  double mean = 0, previous = 0;
  for (const StepView& view : views_) {
    mean += (view.up_to - previous) * view_length(view);
    previous = view.up_to;
  }
  return mean;
}

// Packed samples are as long as their content: a few tell the mean.
double BackboneTask::view_length(const StepView& view) const {
  if (packed_ == 0) return static_cast<double>(view.schema.length());
  constexpr std::int64_t kSamples = 64;
  double sum = 0;
  for (const Document& document : samples(*view.samples, view.schema, consecutive(0, kSamples), diffusion_).documents)
    sum += static_cast<double>(packed_length(view.schema, document));
  return sum / static_cast<double>(kSamples);
}

double BackboneTask::flops_a_step() const {
  constexpr double kMaskedShare = 0.5;  // mean over times, of positions whose logits are computed
  return 3.0 * transformer_->forward_flops_per_token(std::llround(mean_length()), kMaskedShare) *
         units_a_step().at("tokens");
}

void BackboneTask::save_extras(const std::filesystem::path& checkpoint) const {
  for (const auto& [role, path] : tokenizer_paths_) copy_directory(path, checkpoint / "tokenizers" / role);
}

}  // namespace palimpsest
