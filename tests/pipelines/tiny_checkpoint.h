// A checkpoint directory as training would leave it, of untrained nets small enough for a test.
#pragma once

#include <filesystem>

#include "base/files.h"
#include "pipelines/model.h"
#include "tests/tokenizers/untrained.h"

namespace palimpsest::test {

inline constexpr const char* kTinyRecipe = R"(
kind = "backbone"

[canvas]
order = ["caption", "picture", "speech"]
[canvas.roles.caption]
bound = 12
elastic = true
[canvas.roles.picture]
bound = 4
[canvas.roles.speech]
bound = 8
elastic = true

[backbone]
width = 32
layers = 1
heads = 2
key_value_heads = 2

[sampler]
steps = 3
guidance = 1.5
[sampler.roles.caption]
temperature = 0.5
)";

struct CheckpointWish {
  std::filesystem::path directory;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::uint64_t seed = 0;  // of the backbone's weights
};

inline void write_checkpoint(const CheckpointWish& wish) {
  namespace fs = std::filesystem;
  fs::create_directories(wish.directory);
  write_file_atomically(wish.directory / "recipe.toml", kTinyRecipe);
  write_file_atomically(wish.directory / "state.json", "{\"step\": 0}");
  const Tokenizers tokenizers = untrained_tokenizers();
  save_untrained_tokenizers(wish.directory / "tokenizers");
  const Recipe recipe = load_recipe((wish.directory / "recipe.toml").string(), "train");
  const CanvasSchema schema = make_schema(recipe_options<CanvasOptions>(recipe, "canvas"), tokenizers, recipe.file);
  Transformer backbone(recipe_options<TransformerOptions>(recipe, "backbone"), schema, RandomKey::root(wish.seed));
  write_safetensors(wish.directory / "model.safetensors", {backbone.parameters().values(wish.dtype), {}});
}

}  // namespace palimpsest::test
