// What a backbone is trained on: the recipe's [data], checked shards, and batches of them with noise.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backbone/diffusion/diffusion.h"
#include "base/recipe.h"
#include "datasets/loading/mixture.h"

namespace palimpsest {

// One part of a mixture: [[data.mixture]].
struct MixtureOptions {
  std::string directory;  // as prepared
  std::string split = "train";
  double weight = 1.0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("directory", self.directory, "a directory that prepare wrote");
    visitor("split", self.split, "its split to train on");
    visitor("weight", self.weight, "share of the samples drawn from it, up to a common factor");
  }
  void validate() const;
};

// [data.role_sets.NAME]: steps that see only some roles of the schema, as a query does. Each step draws one set; a
// canvas without sound costs half as much.
struct RoleSetOptions {
  std::vector<std::string> roles;
  double weight = 1.0;    // 0: not drawn, which a stage of the curriculum may change
  std::string directory;  // whose samples such a step takes; empty: those of [data]
  std::string split = "train";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("roles", self.roles, "the roles in the canvas of such a step");
    visitor("weight", self.weight, "share of the steps, up to a common factor");
    visitor("directory", self.directory, "a directory that prepare wrote; empty: the samples of [data]");
    visitor("split", self.split, "the split of that directory");
  }
  void validate() const;
};

// [data] of a backbone's recipe.
struct TokenDataOptions {
  std::string directory;  // as prepared; the whole mixture when `mixture` is empty, and the home of validation
  std::string split = "train";
  std::vector<MixtureOptions> mixture;              // several sets
  std::map<std::string, RoleSetOptions> role_sets;  // by name; none: every step sees every role
  std::vector<std::string> validation;              // held-out splits of `directory`
  std::int64_t validation_rows = 128;               // of each split, drawn once
  std::int64_t shuffle_rows = kShuffleRows;         // rows of a large set that are mixed with each other
  bool split_long = false;                          // train on documents longer than the canvas, in several parts?
  std::vector<std::string> tasks;                   // validated besides: "caption -> picture"

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("directory", self.directory, "a directory that prepare wrote");
    visitor("split", self.split, "the split to train on");
    visitor("mixture", self.mixture, "several sets with weights, instead of one directory and split");
    visitor("role_sets", self.role_sets, "sets of roles that steps see, by name; none: every step sees every role");
    visitor("validation", self.validation, "held-out splits of the directory");
    visitor("validation_rows", self.validation_rows, "rows of each held-out split, drawn once");
    visitor("shuffle_rows", self.shuffle_rows, "rows of a large set that are mixed with each other, whole row groups");
    visitor("split_long", self.split_long,
            "documents longer than the canvas's roles as several? they are refused else");
    visitor("tasks", self.tasks, "tasks validated by themselves, such as \"caption, speech -> picture\"");
  }
  void validate() const;
};

// Opens prepared splits whose every role was made by the tokenizer that the recipe names; each split once.
class TokenSets {
 public:
  // Fingerprints of the recipe's tokenizers by role.
  explicit TokenSets(std::map<std::string, std::string> fingerprints) : fingerprints_(std::move(fingerprints)) {}

  // InputError, naming the set and the role: a role of the schema that the shards lack, or that another tokenizer made.
  std::shared_ptr<TokenSet> open(const std::string& directory, const std::string& split, const CanvasSchema& schema);

 private:
  std::map<std::string, std::string> fingerprints_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<TokenSet>> opened_;
};

// Rows of a set whose contents fit the schema's bounds. InputError when there are none.
std::shared_ptr<TokenSet> fitting_rows(std::shared_ptr<TokenSet> set, const CanvasSchema& schema,
                                       const std::string& name);

// Rows that have all the roles; none is no error.
std::shared_ptr<TokenSet> rows_with_roles(std::shared_ptr<TokenSet> set, const std::vector<std::string>& roles);

// Rows with their noise, on the CPU.
struct TokenBatch {
  TokenCanvas clean;
  NoisyCanvas noisy;
};

// How documents become rows.
struct RowForm {
  const CanvasSchema& schema;
  std::vector<std::string> given = {};  // roles that are known
  std::int64_t packed = 0;              // positions of a row that whole documents share; 0: a row each
};

// The documents that the source's global indices stand for, without the roles that the schema holds no place for, and
// their objects where the options' patterns want them. Where rows are packed, documents come in the rows' order, and
// those that hold nothing are left out.
TokenBatch token_batch(const Mixture& mixture, const RowForm& form, const DiffusionOptions& options,
                       NoiseSource source);

// Positions that a document takes in a packed row, over the first of the order.
double mean_packed_length(const Mixture& mixture, const CanvasSchema& schema, const DiffusionOptions& options);

// Positions with noise, by modality.
std::map<std::string, double> noised_positions(const TokenBatch& batch, const Vocabulary& vocabulary);

// begin, begin + 1, ...
std::vector<std::int64_t> consecutive(std::int64_t begin, std::int64_t count);

}  // namespace palimpsest
