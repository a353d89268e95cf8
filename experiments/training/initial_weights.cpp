#include "experiments/training/initial_weights.h"

#include <iostream>
#include <numeric>
#include <unordered_map>

#include "base/errors.h"
#include "base/safetensors.h"
#include "tokenizers/text/bpe.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// The role that speaks for a modality: the first of it.
const Role* role_of_modality(const CanvasSchema& schema, const std::string& modality) {
  for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
    if (schema.vocabulary().space(schema.modality_of(r)).modality == modality) return &schema.role(r);
  }
  return nullptr;
}

// For each local id of a modality the old local id that means the same; empty when nothing does.
RowMatch match_modality(const TableMeaning& now, const TableMeaning& before, const std::string& modality) {
  const Role *mine = role_of_modality(now.schema, modality), *theirs = role_of_modality(before.schema, modality);
  if (!mine || !theirs) return {};
  const Tokenizer &new_one = *now.tokenizers.at(mine->name), &old_one = *before.tokenizers.at(theirs->name);
  RowMatch rows(static_cast<std::size_t>(new_one.space().size()));
  if (now.fingerprints.at(mine->name) == before.fingerprints.at(theirs->name)) {
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  const auto* new_text = dynamic_cast<const BytePairTokenizer*>(&new_one);
  const auto* old_text = dynamic_cast<const BytePairTokenizer*>(&old_one);
  if (!new_text || !old_text) return {};
  std::unordered_map<std::string, std::int64_t> id_of;
  const std::vector<std::string>& old_bytes = old_text->table().bytes_of_id;
  for (std::size_t id = 0; id < old_bytes.size(); ++id) id_of.emplace(old_bytes[id], static_cast<std::int64_t>(id));
  for (std::size_t id = 0; id < rows.size(); ++id) {
    const auto found = id_of.find(new_text->table().bytes_of_id[id]);
    rows[id] = found == id_of.end() ? -1 : found->second;
  }
  return rows;
}

// Rows of a table of digits that belong to each modality, in the vocabulary's order: first row and number.
std::map<std::string, IdRange> digit_rows(const TableMeaning& meaning) {
  std::map<std::string, IdRange> ranges;
  std::int64_t row = 0;
  const Vocabulary& vocabulary = meaning.schema.vocabulary();
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const CodeSpace& space = vocabulary.space(k);
    const auto levels = meaning.digits.find(space.modality);
    if (levels == meaning.digits.end()) continue;
    const std::int64_t digits = std::accumulate(levels->second.begin(), levels->second.end(), std::int64_t{0});
    const std::int64_t rows = digits * std::ssize(space.sub_range_sizes);
    ranges[space.modality] = {row, row + rows};
    row += rows;
  }
  return ranges;
}

TableMeaning meaning_of(const fs::path& checkpoint) {
  const Recipe recipe = load_recipe((checkpoint / "recipe.toml").string(), "train");
  const auto canvas = recipe_options<CanvasOptions>(recipe, "canvas");
  TableMeaning meaning;
  for (const auto& [role, options] : canvas.roles) {
    const fs::path place = checkpoint / "tokenizers" / role;
    meaning.tokenizers[role] = load_tokenizer(place);
    meaning.fingerprints[role] = tokenizer_fingerprint(place);
  }
  meaning.schema = make_schema(canvas, meaning.tokenizers, recipe.file);
  meaning.digits = recipe_options<TransformerOptions>(recipe, "backbone").digits;
  return meaning;
}

// The rows that a match finds, in place of those of `drawn`.
at::Tensor matched_rows(const at::Tensor& drawn, const at::Tensor& old, const RowMatch& match) {
  const at::Tensor from = at::tensor(match, at::kLong), found = from.ge(0);
  at::Tensor rows = drawn.detach().clone();
  rows.index_copy_(0, found.nonzero().squeeze(1), old.index_select(0, from.masked_select(found)).to(rows.options()));
  return rows;
}

void tell(const std::string& table, const RowMatch& match, const fs::path& checkpoint) {
  const auto found = std::count_if(match.begin(), match.end(), [](std::int64_t row) { return row >= 0; });
  std::cerr << table << ": " << found << " of " << match.size() << " rows from " << checkpoint.string()
            << (found == std::ssize(match) ? "\n" : ", the others drawn by the seed\n");
}

}  // namespace

RowMatch match_ids(const TableMeaning& now, const TableMeaning& before) {
  const Vocabulary &mine = now.schema.vocabulary(), &theirs = before.schema.vocabulary();
  RowMatch match(static_cast<std::size_t>(mine.size()), -1);
  std::iota(match.begin(), match.begin() + kFirstModalityId, 0);
  for (std::int64_t k = 0; k < mine.num_modalities(); ++k) {
    const std::string& modality = mine.space(k).modality;
    const RowMatch local = match_modality(now, before, modality);
    if (local.empty()) continue;
    const std::int64_t begin = theirs.range(theirs.modality_index(modality)).begin;
    for (std::size_t id = 0; id < local.size(); ++id) {
      if (local[id] >= 0) match[static_cast<std::size_t>(mine.range(k).begin) + id] = begin + local[id];
    }
  }
  return match;
}

RowMatch match_roles(const TableMeaning& now, const TableMeaning& before) {
  RowMatch match;
  for (const Role& role : now.schema.roles()) {
    match.push_back(-1);
    for (std::int64_t r = 0; r < before.schema.num_roles(); ++r) {
      if (before.schema.role(r).name == role.name) match.back() = r;
    }
  }
  return match;
}

RowMatch match_digits(const TableMeaning& now, const TableMeaning& before) {
  const auto mine = digit_rows(now), theirs = digit_rows(before);
  RowMatch match;
  const Vocabulary& vocabulary = now.schema.vocabulary();
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const auto rows = mine.find(vocabulary.space(k).modality);
    if (rows == mine.end()) continue;
    const auto found = theirs.find(rows->first);
    const bool same = found != theirs.end() && found->second.size() == rows->second.size() &&
                      now.digits.at(rows->first) == before.digits.at(rows->first) &&
                      !match_modality(now, before, rows->first).empty();
    for (std::int64_t i = 0; i < rows->second.size(); ++i) match.push_back(same ? found->second.begin + i : -1);
  }
  return match;
}

void load_initial_weights(ParameterSet& parameters, const TableMeaning& now, const fs::path& checkpoint) {
  const TableMeaning before = meaning_of(checkpoint);
  const std::map<std::string, RowMatch> tables{{"embed.weight", match_ids(now, before)},
                                               {"head.weight", match_ids(now, before)},
                                               {"role_embed.weight", match_roles(now, before)},
                                               {"digit_embed.weight", match_digits(now, before)}};
  std::map<std::string, at::Tensor> weights = load_weights(checkpoint);
  for (const auto& [name, drawn] : parameters.items()) {
    const auto table = tables.find(name);
    const bool adapter = name.find(".lora.") != std::string::npos;
    if (table != tables.end() && weights.contains(name) && drawn.size(1) == weights.at(name).size(1)) {
      weights[name] = matched_rows(drawn, weights.at(name), table->second);
      tell(name, table->second, checkpoint);
    } else if (adapter || (table != tables.end() && !weights.contains(name))) {
      weights[name] = drawn.detach().clone();
    }
  }
  for (const auto& [name, match] : tables) {  // a table that this net does without
    if (std::none_of(parameters.items().begin(), parameters.items().end(),
                     [&name = name](const auto& item) { return item.first == name; })) {
      weights.erase(name);
    }
  }
  parameters.load(weights, weights_of(checkpoint).string());
}

}  // namespace palimpsest
