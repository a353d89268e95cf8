// palimpsest inspect: checkpoints and the tokenizers in them.
#include "base/errors.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "experiments/cli/inspect.h"
#include "experiments/evaluation/metric.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

Facts read_json(const fs::path& path) {
  Facts json = Facts::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw InputError(path.string(), "", "must be a JSON object");
  return json;
}

// What training wrote down, as far as it did.
Facts training_facts(const Facts& state, const toml::table& recipe) {
  Facts facts{{"steps_planned", nullptr}};
  if (const auto steps = recipe["training"]["steps"].value<std::int64_t>()) facts["steps_planned"] = *steps;
  for (const char* key : {"updates", "skipped", "seconds", "compute", "validation"}) {
    if (state.contains(key)) facts[key] = state[key];
  }
  for (const char* key : {"optimizer", "batch", "learning_rate"}) {
    if (const auto node = recipe["training"][key]) facts[key] = to_facts(toml::table{{key, *node.node()}})[key];
  }
  return facts;
}

struct Weights {
  std::string file;  // what the net is opened with: the average where there is one
  TensorFile tensors;
};

Weights read_weights(const fs::path& directory) {
  const fs::path weights = weights_of(directory);
  if (fs::exists(weights)) return {weights.filename().string(), read_safetensors(weights)};
  throw InputError(directory.string(), "model.safetensors", "is missing: the checkpoint was half written");
}

std::int64_t count_scalars(const TensorFile& file) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : file.tensors) count += tensor.numel();
  return count;
}

Facts tensor_rows(const TensorFile& file) {
  Facts rows = Facts::array();
  for (const auto& [name, tensor] : file.tensors) {
    rows.push_back({{"tensor", name},
                    {"shape", tensor.sizes().vec()},
                    {"dtype", c10::toString(tensor.scalar_type())},
                    {"scalars", tensor.numel()}});
  }
  return rows;
}

Facts canvas_facts(const CanvasSchema& schema) {
  Facts roles = Facts::array();
  for (std::int64_t index = 0; index < schema.num_roles(); ++index) {
    const Role& role = schema.role(index);
    const IdRange range = schema.vocabulary().range(schema.modality_of(index));
    roles.push_back({{"role", role.name},
                     {"modality", role.layout.modality},
                     {"bound", role.length()},
                     {"elastic", role.elastic},
                     {"first_id", range.begin},
                     {"ids", range.size()}});
  }
  return {{"positions", schema.length()}, {"vocabulary", schema.vocabulary().size()}, {"roles", roles}};
}

Facts schedule_rows(const DiffusionOptions& diffusion, const Vocabulary& vocabulary) {
  Facts rows = Facts::array();
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const std::string& modality = vocabulary.space(k).modality;
    rows.push_back({{"modality", modality}, {"weight", diffusion.weight_of(modality)}});
    rows.back().update(to_facts(to_toml(diffusion.schedule_of(modality).options())));
  }
  return rows;
}

Facts tokenizer_rows(const fs::path& directory, const Tokenizers& tokenizers) {
  Facts rows = Facts::array();
  for (const auto& [role, tokenizer] : tokenizers) {
    rows.push_back({{"role", role},
                    {"kind", tokenizer->kind()},
                    {"modality", tokenizer->space().modality},
                    {"ids", tokenizer->space().size()},
                    {"fingerprint", tokenizer_fingerprint(directory / "tokenizers" / role)}});
  }
  return rows;
}

Facts score_rows(const fs::path& path) {
  Facts rows = Facts::array();
  if (!fs::exists(path)) return rows;
  for (const MetricRow& score : load_scores(path)) {
    const nlohmann::json json = to_json(score);
    Facts row;
    for (const char* key : {"name", "split", "value", "low", "high", "unit", "samples", "baseline", "chance"}) {
      row[key] = json.at(key);
    }
    rows.push_back(row);
  }
  return rows;
}

void add_backbone(Facts& facts, const fs::path& directory, const Recipe& recipe) {
  const auto canvas = recipe_options<CanvasOptions>(recipe, "canvas");
  const auto diffusion = recipe_options<DiffusionOptions>(recipe, "diffusion");
  const Tokenizers tokenizers = carried_tokenizers(directory);
  const CanvasSchema schema = make_schema(canvas, tokenizers, recipe.file);
  facts["backbone"] = to_facts(to_toml(recipe_options<TransformerOptions>(recipe, "backbone")));
  facts["canvas"] = canvas_facts(schema);
  facts["tokenizers"] = tokenizer_rows(directory, tokenizers);
  facts["schedules"] = schedule_rows(diffusion, schema.vocabulary());
}

}  // namespace

Tokenizers carried_tokenizers(const fs::path& checkpoint) {
  Tokenizers tokenizers;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(checkpoint / "tokenizers", ignored)) {
    if (entry.is_directory()) tokenizers[entry.path().filename().string()] = load_tokenizer(entry.path());
  }
  if (tokenizers.empty()) throw InputError(checkpoint.string(), "tokenizers", "is missing or empty");
  return tokenizers;
}

Facts inspect_checkpoint(const fs::path& directory, bool with_tensors) {
  for (const char* name : {"recipe.toml", "state.json"}) {
    if (!fs::exists(directory / name)) {
      throw InputError(directory.string(), name, "is missing: the checkpoint was half written");
    }
  }
  const Recipe recipe = load_recipe((directory / "recipe.toml").string(), "train");
  const Facts state = read_json(directory / "state.json");
  const auto kind = recipe.table["kind"].value_or(std::string("backbone"));
  const Weights weights = read_weights(directory);
  Facts facts{{"what", "checkpoint"},
              {"path", directory.string()},
              {"kind", kind},
              {"step", state.value("step", 0)},
              {"parameters", count_scalars(weights.tensors)},
              {"weights", weights.file}};
  facts["training"] = training_facts(state, recipe.table);
  if (kind == "backbone") add_backbone(facts, directory, recipe);
  if (kind == "tokenizer" && fs::exists(directory / "tokenizer")) {
    facts["tokenizer"] = inspect_tokenizer(directory / "tokenizer");
  }
  if (const toml::table* settings = recipe.table[kind].as_table(); settings && kind == "scorer") {
    facts["scorer"] = to_facts(*settings);
  }
  facts["scores"] = score_rows(directory / "scores.json");
  if (with_tensors) facts["tensors"] = tensor_rows(weights.tensors);
  return facts;
}

Facts inspect_tokenizer(const fs::path& directory) {
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(directory);
  const CodeSpace& space = tokenizer->space();
  Facts facts{{"what", "tokenizer"},        {"path", directory.string()}, {"kind", tokenizer->kind()},
              {"modality", space.modality}, {"ids", space.size()},        {"ids_by_sub_range", space.sub_range_sizes}};
  if (tokenizer->sample_rate() > 0) facts["sample_rate"] = tokenizer->sample_rate();
  if (tokenizer->picture_size() > 0) facts["picture_size"] = tokenizer->picture_size();
  facts["fingerprint"] = tokenizer_fingerprint(directory);
  const fs::path settings = directory / "tokenizer.json";
  if (fs::exists(settings)) facts["settings"] = read_json(settings).value("options", Facts::object());
  const fs::path weights = directory / "model.safetensors";
  if (fs::exists(weights)) facts["parameters"] = count_scalars(read_safetensors(weights));
  return facts;
}

}  // namespace palimpsest
