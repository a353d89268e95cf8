// What the tokenizers with a net have in common: fixed batches, checks, and their files.
//
// Shapes: B batch, L ids.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "base/parameters.h"

namespace palimpsest {

// Cuts [0, size) into ranges of `rows`, the last one shorter.
std::vector<std::pair<std::size_t, std::size_t>> fixed_batches(std::size_t size, std::int64_t rows);

// Zero rows added until there are `rows`: a net then does the same arithmetic whatever the batch.
at::Tensor pad_rows(const at::Tensor& x, std::int64_t rows);

// c10::Error unless ids are int64 [L] in [0, size).
void check_local_ids(const at::Tensor& ids_L, std::int64_t size, std::string_view kind);

// tokenizer.json {"kind", "options"} and model.safetensors (bf16) into an existing directory.
void save_tokenizer_files(const std::filesystem::path& directory, std::string_view kind, const toml::table& options,
                          const ParameterSet& parameters);

// The weights back into a net made from the same options. InputError naming file and tensor.
void load_tokenizer_weights(const std::filesystem::path& directory, ParameterSet& parameters);

inline constexpr std::string_view kTokenizerFile = "tokenizer.json";
inline constexpr std::string_view kWeightsFile = "model.safetensors";

}  // namespace palimpsest
