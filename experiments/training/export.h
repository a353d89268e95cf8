// What a run ships: a checkpoint of the averaged parameters in bf16, or a tokenizer.
#pragma once

#include <filesystem>
#include <string>

namespace palimpsest {

// Writes DIRECTORY from the run's newest whole checkpoint. Backbone and scorer: model.safetensors (the average, bf16),
// state.json, recipe.toml, log.jsonl, tokenizers/ROLE, and NOTICE when a text is given. Tokenizer: the tokenizer's own
// files. What lay there is replaced, whole or not at all. InputError: a run without checkpoint.
void export_run(const std::filesystem::path& run, const std::filesystem::path& directory,
                const std::string& notice = "");

}  // namespace palimpsest
