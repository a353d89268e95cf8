// DataRows: the first rows of a prepared split read back as media, so that a person sees what the ids still hold.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "datasets/loading/token_set.h"
#include "modalities/media/media.h"
#include "pipelines/model.h"

namespace palimpsest {

struct RowsWish {
  std::filesystem::path data;        // a directory that prepare wrote
  std::string split;                 // "": its first
  std::int64_t rows = 32;            // at most
  std::filesystem::path tokenizers;  // a checkpoint that carries the tokenizers the data were made with
};

class DataRows {
 public:
  // InputError: a split that is not there, a role that the checkpoint has no tokenizer for or another one than made the
  // ids. Sounds take a network to read back, and are left out unless they are wished for.
  DataRows(const RowsWish& wish, bool with_sounds);

  std::int64_t count() const { return count_; }
  const std::string& split() const { return split_; }
  std::string key(std::int64_t row) const { return set_->key(row); }
  std::map<std::string, Media> media(std::int64_t row) const;  // by role, those that the row has

 private:
  std::string split_;
  std::shared_ptr<TokenSet> set_;
  Tokenizers tokenizers_;
  std::int64_t count_;
};

}  // namespace palimpsest
