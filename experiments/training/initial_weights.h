// Weights of another checkpoint for a fresh run whose vocabulary or roles may be others.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/parameters.h"
#include "pipelines/model.h"

namespace palimpsest {

// What the rows of a net's tables stand for.
struct TableMeaning {
  CanvasSchema schema;
  Tokenizers tokenizers;
  std::map<std::string, std::string> fingerprints;          // of the tokenizers, by role
  std::map<std::string, std::vector<std::int64_t>> digits;  // [backbone] digits
};

// For each new row the old one that means the same, or -1.
using RowMatch = std::vector<std::int64_t>;

// Special ids are the same; a modality's ids when one tokenizer made them in both; ids of two byte-pair tokenizers when
// they stand for the same bytes.
RowMatch match_ids(const TableMeaning& now, const TableMeaning& before);
RowMatch match_roles(const TableMeaning& now, const TableMeaning& before);
RowMatch match_digits(const TableMeaning& now, const TableMeaning& before);

// Copies a checkpoint's weights in: tables row by row where their rows mean the same, all else whole. What has no
// counterpart, and adapters, keep the values that the seed drew. Tells on stderr how many rows of each table were
// found. InputError as ParameterSet::load for tensors of other shapes.
void load_initial_weights(ParameterSet& parameters, const TableMeaning& now, const std::filesystem::path& checkpoint);

}  // namespace palimpsest
