// A batch of read samples made rows of ids, or reasons why not.
#pragma once

#include "datasets/prepare/ledger.h"
#include "datasets/prepare/settings.h"
#include "datasets/sources/source.h"

namespace palimpsest {

struct TokenizedSample {
  Sample sample;  // without its media
  std::map<std::string, Codes> codes;
  Outcome outcome = Outcome::kKept;
  std::string reason;
};

// One result a sample, in order. What a sample becomes does not depend on the others of the batch.
std::vector<TokenizedSample> tokenize(std::vector<ReadResult> batch, const RoleTokenizers& tokenizers,
                                      const std::map<std::string, RoleTokenizerOptions>& options);

}  // namespace palimpsest
