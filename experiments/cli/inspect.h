// What 'palimpsest inspect' can look into: one function a kind of thing, each returning what it found. Nothing is
// written. InputError naming the file for what is missing, damaged or half written.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/cli/data_rows.h"
#include "experiments/cli/facts.h"
#include "pipelines/model.h"

namespace palimpsest {

// A checkpoint of any kind (backbone, tokenizer, scorer), as training or shipping leaves it; `with_tensors` adds a
// table of every tensor.
Facts inspect_checkpoint(const std::filesystem::path& directory, bool with_tensors);

// A directory that prepare wrote. Reads and verifies every byte of its shards, one row group at a time.
Facts inspect_data(const std::filesystem::path& directory);
// Those facts, and the first rows with their pictures and sounds, as one HTML page that needs nothing else.
std::string data_page(const Facts& facts, const DataRows& rows);

// A directory that Tokenizer::save wrote, or a GPT-2 folder.
Facts inspect_tokenizer(const std::filesystem::path& directory);

// A recipe with everything that it inherits.
Facts inspect_recipe(const std::filesystem::path& file);

// A text, picture, sound or film; told apart by content.
Facts inspect_media(const std::filesystem::path& file);

// The tokenizers that a checkpoint carries, by role. InputError when it carries none.
Tokenizers carried_tokenizers(const std::filesystem::path& checkpoint);

}  // namespace palimpsest
