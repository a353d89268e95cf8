#include "experiments/training/token_data.h"

#include <numeric>

#include "base/errors.h"
#include "datasets/sources/data_options.h"
#include "experiments/training/object_noise.h"
#include "modalities/canvas/packing.h"

namespace palimpsest {

namespace {

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

// Some rows of another set.
class ChosenRows : public TokenSet {
 public:
  ChosenRows(std::shared_ptr<TokenSet> set, std::vector<std::int64_t> rows)
      : set_(std::move(set)), rows_(std::move(rows)) {}

  std::int64_t rows() const override { return std::ssize(rows_); }
  std::string key(std::int64_t row) const override { return set_->key(there(row)); }
  nlohmann::json meta(std::int64_t row) const override { return set_->meta(there(row)); }
  std::vector<std::string> roles() const override { return set_->roles(); }
  std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const override {
    return set_->ids(there(row), role);
  }
  InGroup in_group(std::int64_t row) const override { return set_->in_group(there(row)); }
  const std::string& fingerprint(const std::string& role) const override { return set_->fingerprint(role); }

 private:
  std::int64_t there(std::int64_t row) const { return rows_.at(static_cast<std::size_t>(row)); }

  std::shared_ptr<TokenSet> set_;
  std::vector<std::int64_t> rows_;
};

bool fits(const TokenSet& set, std::int64_t row, const CanvasSchema& schema) {
  for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
    const Role& role = schema.role(r);
    if (!schema.holds(r)) continue;
    const std::optional<at::Tensor> ids = set.ids(row, role.name);
    if (ids && (role.elastic ? ids->numel() > role.length() : ids->numel() != role.length())) return false;
  }
  return true;
}

template <class Condition>
std::shared_ptr<TokenSet> rows_that(std::shared_ptr<TokenSet> set, const Condition& holds) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < set->rows(); ++row) {
    if (holds(*set, row)) rows.push_back(row);
  }
  if (std::ssize(rows) == set->rows()) return set;
  return std::make_shared<ChosenRows>(std::move(set), std::move(rows));
}

std::vector<std::string> held_roles(const CanvasSchema& schema) {
  std::vector<std::string> names;
  for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
    if (schema.holds(r)) names.push_back(schema.role(r).name);
  }
  return names;
}

// Documents and their indices in the global order.
struct Samples {
  std::vector<Document> documents;
  std::vector<std::int64_t> indices;
};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Samples samples_of(const Mixture& mixture, const RowForm& form, const DiffusionOptions& options,
                   const std::vector<std::int64_t>& indices) {
  const std::vector<std::string> held = held_roles(form.schema);
  Samples samples{{}, indices};
  for (const std::int64_t index : indices) {
    Document document = mixture.document(mixture.place(options.sample_of(index)));
    std::erase_if(document.roles, [&held](const auto& filling) { return !contains(held, filling.first); });
    std::erase_if(document.hidden, [&held](const std::string& role) { return !contains(held, role); });
    for (auto& [role, filling] : document.roles) filling.frozen = contains(form.given, role);
    samples.documents.push_back(std::move(document));
  }
  return samples;
}

// Leaves `samples` with the indices of the documents, in the rows' order.
TokenCanvas packed_rows(const RowForm& form, Samples& samples) {
  Samples whole;
  std::vector<std::int64_t> lengths;
  for (std::size_t number = 0; number < samples.documents.size(); ++number) {
    const std::int64_t length = packed_length(form.schema, samples.documents[number]);
    if (length == 0) continue;
    lengths.push_back(length);
    whole.documents.push_back(std::move(samples.documents[number]));
    whole.indices.push_back(samples.indices[number]);
  }
  const PackingPlan plan = best_fit(lengths, form.packed);
  samples = {};
  for (const auto& row : plan) {
    for (const std::size_t document : row) samples.indices.push_back(whole.indices[document]);
  }
  return pack_canvas(form.schema, whole.documents, plan, form.packed);
}

bool holds_something(const Samples& samples) {
  return std::any_of(samples.documents.begin(), samples.documents.end(),
                     [](const Document& document) { return !document.roles.empty(); });
}

}  // namespace

void MixtureOptions::validate() const {
  if (weight <= 0) throw InputError("", "weight", "must be above 0");
}

void RoleSetOptions::validate() const {
  if (roles.empty()) throw InputError("", "roles", "must name at least one role");
  if (weight < 0) throw InputError("", "weight", "must not be negative");
}

void TokenDataOptions::validate() const {
  if (directory.empty() && mixture.empty())
    throw InputError("", "directory", "is missing: a directory that prepare wrote");
  if (directory.empty() && !validation.empty())
    throw InputError("", "directory", "is missing: validation splits are its");
  if (shuffle_rows < 1) throw InputError("", "shuffle_rows", "must be at least 1");
  if (validation_rows < 1) throw InputError("", "validation_rows", "must be at least 1");
  const auto drawn = [](const auto& set) { return set.second.weight > 0; };
  if (!role_sets.empty() && std::none_of(role_sets.begin(), role_sets.end(), drawn)) {
    throw InputError("", "role_sets", "one of them must have a weight above 0");
  }
}

std::shared_ptr<TokenSet> TokenSets::open(const std::string& directory, const std::string& split,
                                          const CanvasSchema& schema) {
  std::shared_ptr<TokenSet>& set = opened_[{directory, split}];
  if (!set) set = open_token_set(find_data(directory, "data.directory"), split);
  check_set(*set, directory + " (" + split + ")", schema, fingerprints_);
  return set;
}

std::shared_ptr<TokenSet> fitting_rows(std::shared_ptr<TokenSet> set, const CanvasSchema& schema,
                                       const std::string& name) {
  std::shared_ptr<TokenSet> chosen =
      rows_that(std::move(set), [&schema](const TokenSet& all, std::int64_t row) { return fits(all, row, schema); });
  if (chosen->rows() == 0) throw InputError(name, "", "no row is as short as the canvas of this stage");
  return chosen;
}

std::shared_ptr<TokenSet> rows_with_roles(std::shared_ptr<TokenSet> set, const std::vector<std::string>& roles) {
  return rows_that(std::move(set), [&roles](const TokenSet& all, std::int64_t row) {
    return std::all_of(roles.begin(), roles.end(),
                       [&](const std::string& role) { return all.ids(row, role).has_value(); });
  });
}

TokenBatch token_batch(const Mixture& mixture, const RowForm& form, const DiffusionOptions& options,
                       NoiseSource source) {
  Samples samples = samples_of(mixture, form, options, source.global_indices);
  const bool packs = form.packed != 0 && holds_something(samples);
  const TokenCanvas clean = packs ? packed_rows(form, samples) : build_canvas(form.schema, samples.documents);
  if (packs) source.global_indices = samples.indices;
  if (wants_objects(options, form.schema)) {
    std::vector<std::int64_t> numbers;
    for (const std::int64_t index : source.global_indices) numbers.push_back(options.sample_of(index));
    source.objects_BL = objects_BL(mixture, form.schema, clean, numbers);
  }
  return {clean, corrupt(clean, form.schema, options, source)};
}

double mean_packed_length(const Mixture& mixture, const CanvasSchema& schema, const DiffusionOptions& options) {
  constexpr std::int64_t kSamples = 64;
  double sum = 0;
  for (const Document& document : samples_of(mixture, {schema}, options, consecutive(0, kSamples)).documents)
    sum += static_cast<double>(packed_length(schema, document));
  return sum / static_cast<double>(kSamples);
}

std::map<std::string, double> noised_positions(const TokenBatch& batch, const Vocabulary& vocabulary) {
  const at::Tensor noised_BL = batch.noisy.t_BL.gt(0);
  std::map<std::string, double> counts;
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const at::Tensor here_BL = noised_BL.logical_and(batch.clean.modality_BL.eq(k));
    counts[vocabulary.space(k).modality] = here_BL.sum().item<double>();
  }
  return counts;
}

std::vector<std::int64_t> consecutive(std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

}  // namespace palimpsest
