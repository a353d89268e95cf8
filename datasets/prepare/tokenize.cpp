#include "datasets/prepare/tokenize.h"

namespace palimpsest {

namespace {

// One role of the samples that have it.
struct RoleBatch {
  std::vector<Media> media;
  std::vector<std::size_t> samples;  // which of the batch
};

RoleBatch gather(const std::vector<ReadResult>& batch, const std::string& role) {
  RoleBatch gathered;
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const Sample& sample = batch[index].sample;
    const auto media = sample.roles.find(role);
    if (!batch[index].error.empty() || media == sample.roles.end()) continue;
    gathered.media.push_back(media->second);
    gathered.samples.push_back(index);
  }
  return gathered;
}

void fail(TokenizedSample& sample, Outcome outcome, const std::string& reason) {
  if (sample.outcome != Outcome::kKept) return;  // the first reason stands
  sample.outcome = outcome;
  sample.reason = reason;
}

// All at once; when one of them cannot be encoded, one by one to find it.
void encode_role(const RoleBatch& batch, const std::string& role, const Tokenizer& tokenizer,
                 std::vector<TokenizedSample>& samples) {
  try {
    std::vector<Codes> codes = tokenizer.encode(batch.media);
    for (std::size_t item = 0; item < codes.size(); ++item)
      samples[batch.samples[item]].codes[role] = std::move(codes[item]);
    return;
  } catch (const InputError& error) {
    if (batch.media.size() == 1) return fail(samples[batch.samples.front()], Outcome::kFailed, error.what());
  }
  for (std::size_t item = 0; item < batch.media.size(); ++item) {
    encode_role({{batch.media[item]}, {batch.samples[item]}}, role, tokenizer, samples);
  }
}

void apply_bound(const std::string& role, std::int64_t max_tokens, TokenizedSample& sample) {
  const auto codes = sample.codes.find(role);
  if (max_tokens == 0 || codes == sample.codes.end() || codes->second.ids_L.numel() <= max_tokens) return;
  fail(sample, Outcome::kFiltered,
       role + " has " + std::to_string(codes->second.ids_L.numel()) + " tokens, more than " +
           std::to_string(max_tokens));
}

}  // namespace

std::vector<TokenizedSample> tokenize(std::vector<ReadResult> batch, const RoleTokenizers& tokenizers,
                                      const std::map<std::string, RoleTokenizerOptions>& options) {
  std::vector<TokenizedSample> samples(batch.size());
  for (std::size_t index = 0; index < batch.size(); ++index) {
    if (!batch[index].error.empty()) fail(samples[index], Outcome::kFailed, batch[index].error);
  }
  for (const auto& [role, tokenizer] : tokenizers.tokenizers) {
    const RoleBatch gathered = gather(batch, role);
    if (!gathered.media.empty()) encode_role(gathered, role, *tokenizer, samples);
    for (TokenizedSample& sample : samples) apply_bound(role, options.at(role).max_tokens, sample);
  }
  for (std::size_t index = 0; index < batch.size(); ++index) {
    samples[index].sample = std::move(batch[index].sample);
    samples[index].sample.roles.clear();
  }
  return samples;
}

}  // namespace palimpsest
