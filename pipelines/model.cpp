#include "pipelines/model.h"

#include <charconv>

#include "base/errors.h"
#include "base/safetensors.h"

namespace palimpsest {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> role_names(const CanvasOptions& options, const std::string& file) {
  std::vector<std::string> declared;
  for (const auto& [name, role] : options.roles) declared.push_back(name);
  if (declared.empty()) throw InputError(file, "canvas.roles", "must declare at least one role");
  if (options.order.empty()) return declared;
  for (const std::string& name : options.order) {
    if (!options.roles.count(name)) {
      throw InputError(file, "canvas.order", "unknown role '" + name + "'" + suggest(name, declared));
    }
    if (std::count(options.order.begin(), options.order.end(), name) > 1) {
      throw InputError(file, "canvas.order", "names role '" + name + "' twice");
    }
  }
  for (const std::string& name : declared) {
    if (std::find(options.order.begin(), options.order.end(), name) == options.order.end()) {
      throw InputError(file, "canvas.order", "leaves out role '" + name + "'");
    }
  }
  return options.order;
}

const Tokenizer& tokenizer_of(const std::string& role, const Tokenizers& tokenizers, const std::string& file) {
  const auto found = tokenizers.find(role);
  if (found == tokenizers.end()) throw InputError(file, "canvas.roles." + role, "has no tokenizer");
  return *found->second;
}

Role make_role(const std::string& name, const CanvasRoleOptions& options, const Tokenizer& tokenizer,
               const std::string& file) {
  const std::string key = "canvas.roles." + name + ".bound";
  if (options.bound < 1) throw InputError(file, key, "must be at least 1, got " + std::to_string(options.bound));
  try {
    return {name, tokenizer.layout(options.bound), options.elastic};
  } catch (const c10::Error& error) {
    throw InputError(
        file, key,
        "its tokenizer cannot make " + std::to_string(options.bound) + " ids: " + error.what_without_backtrace());
  }
}

// Adds the space of a role's tokenizer unless its modality is there already, with the same ids.
void add_space(std::vector<CodeSpace>& spaces, const CodeSpace& space, const std::string& role,
               const std::string& file) {
  for (const CodeSpace& known : spaces) {
    if (known.modality != space.modality) continue;
    if (known.sub_range_sizes == space.sub_range_sizes) return;
    throw InputError(file, "canvas.roles." + role,
                     "its tokenizer has other ids than another role of modality '" + space.modality + "'");
  }
  spaces.push_back(space);
}

}  // namespace

CanvasSchema make_schema(const CanvasOptions& options, const Tokenizers& tokenizers, const std::string& file) {
  std::vector<Role> roles;
  std::vector<CodeSpace> spaces;
  for (const std::string& name : role_names(options, file)) {
    const Tokenizer& tokenizer = tokenizer_of(name, tokenizers, file);
    roles.push_back(make_role(name, options.roles.at(name), tokenizer, file));
    add_space(spaces, tokenizer.space(), name, file);
  }
  return CanvasSchema(std::move(roles), Vocabulary(std::move(spaces)));
}

namespace {

// The step of a directory named step-00001234, or -1.
std::int64_t step_of(const fs::path& directory) {
  const std::string name = directory.filename().string();
  if (!name.starts_with("step-")) return -1;
  std::int64_t step = -1;
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  return error == std::errc() && end == name.data() + name.size() ? step : -1;
}

std::vector<fs::path> subdirectories(const fs::path& directory) {
  std::vector<fs::path> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.is_directory(error)) result.push_back(entry.path());
  }
  return result;
}

fs::path newest_checkpoint(const fs::path& run) {
  fs::path newest;
  std::int64_t newest_step = -1;
  for (const fs::path& directory : subdirectories(run / "checkpoints")) {
    if (step_of(directory) <= newest_step) continue;
    newest_step = step_of(directory);
    newest = directory;
  }
  if (newest_step < 0) throw InputError(run.string(), "checkpoints", "the run has no checkpoint yet");
  return newest;
}

std::vector<fs::path> shelves() { return {"checkpoints", recipe_root().parent_path().parent_path() / "checkpoints"}; }

}  // namespace

fs::path weights_of(const fs::path& checkpoint) {
  const fs::path averaged = checkpoint / "ema.safetensors";
  return fs::exists(averaged) ? averaged : checkpoint / "model.safetensors";
}

std::map<std::string, at::Tensor> load_weights(const fs::path& checkpoint) {
  const Recipe recipe = load_recipe((checkpoint / "recipe.toml").string(), "train");
  const auto adapters = recipe_options<AdapterOptions>(recipe, "lora");
  std::map<std::string, at::Tensor> weights = read_safetensors(weights_of(checkpoint)).tensors;
  return adapters.rank > 0 ? merge_adapters(weights, adapters) : weights;
}

fs::path resolve_checkpoint(const std::string& checkpoint) {
  std::vector<fs::path> places{checkpoint};
  if (fs::path(checkpoint).is_relative()) {
    for (const fs::path& shelf : shelves()) places.push_back(shelf / checkpoint);
  }
  for (const fs::path& place : places) {
    if (checkpoint.empty() || !fs::exists(place)) continue;
    if (!fs::is_directory(place)) throw InputError(place.string(), "", "is a file; a checkpoint is a directory");
    if (fs::is_directory(place / "checkpoints") && !fs::exists(place / "model.safetensors")) {
      return newest_checkpoint(place);
    }
    return place;
  }
  std::vector<std::string> names;
  for (const fs::path& shelf : shelves()) {
    for (const fs::path& directory : subdirectories(shelf)) names.push_back(directory.filename().string());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  throw InputError(checkpoint, "",
                   "no such checkpoint, run or name under checkpoints/" +
                       (names.empty() ? std::string() : suggest(checkpoint, names)));
}

namespace {

void require_whole(const fs::path& directory) {
  for (const char* name : {"recipe.toml", "state.json", "model.safetensors", "tokenizers"}) {
    if (!fs::exists(directory / name)) {
      throw InputError(directory.string(), name, "is missing: not a checkpoint, or one that was half written");
    }
  }
}

Tokenizers load_tokenizers(const fs::path& directory, const CanvasOptions& canvas, const Machine& machine) {
  Tokenizers tokenizers;
  for (const auto& [role, options] : canvas.roles) {
    const fs::path place = directory / "tokenizers" / role;
    if (!fs::is_directory(place)) {
      throw InputError(directory.string(), "tokenizers/" + role, "is missing: the checkpoint was half written");
    }
    tokenizers[role] = load_tokenizer(place);
    tokenizers[role]->to(machine);
  }
  return tokenizers;
}

std::shared_ptr<Transformer> load_transformer(const fs::path& directory, const Recipe& recipe,
                                              const CanvasSchema& schema, const Machine& machine) {
  const auto options = recipe_options<TransformerOptions>(recipe, "backbone");
  auto transformer = std::make_shared<Transformer>(options, schema, RandomKey::root(0));
  transformer->parameters().load(load_weights(directory), weights_of(directory).string());
  transformer->parameters().set_requires_grad(false);
  transformer->parameters().to(machine.device);
  transformer->set_compute_type(machine.dtype);
  return transformer;
}

}  // namespace

Model load_model(const std::string& checkpoint, const MachineOptions& options) {
  Model model;
  model.directory = resolve_checkpoint(checkpoint);
  require_whole(model.directory);
  model.recipe = load_recipe((model.directory / "recipe.toml").string(), "train");
  const auto kind = model.recipe.table["kind"].value_or(std::string("backbone"));
  if (kind != "backbone") {
    throw InputError(model.recipe.file, "kind", "must be \"backbone\" here, but the checkpoint is a " + kind);
  }
  model.machine = resolve_machine(options);
  const auto canvas = recipe_options<CanvasOptions>(model.recipe, "canvas");
  model.tokenizers = load_tokenizers(model.directory, canvas, model.machine);
  model.schema = make_schema(canvas, model.tokenizers, model.recipe.file);
  model.diffusion = recipe_options<DiffusionOptions>(model.recipe, "diffusion");
  model.denoiser = load_transformer(model.directory, model.recipe, model.schema, model.machine);
  return model;
}

DiffusionModel Model::diffusion_model() const { return {denoiser, schema, diffusion, machine.device}; }

}  // namespace palimpsest
