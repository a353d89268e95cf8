// Makes an untrained tokenizer of the kind that a recipe or a saved tokenizer names.
#pragma once

#include <toml++/toml.h>

#include <memory>
#include <string>

#include "base/random.h"
#include "tokenizers/trainable.h"

namespace palimpsest {

struct TokenizerRequest {
  std::string kind;     // "bpe", "fsq-image" or "speech-codec"
  toml::table options;  // of that kind; absent keys keep their defaults
  std::string file;     // what errors name
  std::string key;      // the table's own key in that file, "tokenizer" in a recipe
};

// Weights are drawn from `key`. InputError: unknown kind (nearest suggested), unknown or wrong options.
std::unique_ptr<TrainableTokenizer> make_trainable(const TokenizerRequest& request, RandomKey key);

// The request of a recipe's [tokenizer] table: `kind = "fsq-image"` and `[tokenizer.options]`.
TokenizerRequest tokenizer_request(const toml::table& table, const std::string& file,
                                   const std::string& key = "tokenizer");

}  // namespace palimpsest
