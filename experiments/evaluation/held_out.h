// HeldOut: one prepared split seen through a model's tokenizers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datasets/loading/token_set.h"
#include "experiments/evaluation/retrieval.h"
#include "pipelines/model.h"

namespace palimpsest {

// Contents of one row, as tokenizer-local ids by role.
using Contents = std::map<std::string, at::Tensor>;

class HeldOut {
 public:
  // InputError, naming split and role, when the shards were made by another tokenizer than the model's.
  HeldOut(const Model& model, std::shared_ptr<TokenSet> set, std::string split);

  const std::string& split() const { return split_; }
  std::int64_t rows() const { return set_->rows(); }
  std::string key(std::int64_t row) const { return set_->key(row); }
  std::string concept_of(std::int64_t row) const;  // meta "concept", else the key
  nlohmann::json meta(std::int64_t row) const { return set_->meta(row); }
  bool has(const std::string& role) const;

  // Ids of a role the row must have. InputError naming the row's key otherwise.
  at::Tensor ids(std::int64_t row, const std::string& role) const;
  Contents contents(std::int64_t row, const std::vector<std::string>& roles) const;

  // What the tokenizer makes of the ids again: its reconstruction, and for text the text itself.
  std::vector<Media> media(const std::vector<std::int64_t>& rows, const std::string& role) const;
  std::vector<std::string> texts(const std::vector<std::int64_t>& rows, const std::string& role) const;

  // Rows that have all the roles.
  std::vector<std::int64_t> rows_with(const std::vector<std::string>& roles) const;
  // Blocks of 32 rows of different concepts out of `rows`.
  std::vector<QueryBlock> blocks(const std::vector<std::int64_t>& rows, std::int64_t queries, RandomKey key) const;

 private:
  const Model& model_;
  std::shared_ptr<TokenSet> set_;
  std::string split_;
};

// The role's ids as media.
std::vector<Media> decode_ids(const Model& model, const std::string& role, const std::vector<at::Tensor>& ids);

}  // namespace palimpsest
