#include "datasets/prepare/sample_work.h"

#include "base/bounded_json.h"

namespace palimpsest {

namespace {

constexpr std::size_t kDecodedBytes = 128 << 20;  // of media that wait to be tokenized together, by one worker

// One role of the samples that have it.
struct RoleBatch {
  std::vector<Media> media;
  std::vector<WorkedSample*> samples;
};

std::size_t bytes_of(const ReadResult& result) {
  std::size_t sum = 0;
  for (const auto& [role, media] : result.sample.roles) sum += media_bytes(media);
  return sum;
}

void set_outcome(WorkedSample& sample, Outcome outcome, const std::string& reason) {
  if (sample.row.outcome != Outcome::kKept) return;  // the first reason stands
  sample.row.outcome = outcome;
  sample.row.reason = reason;
}

std::string text_of(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

WorkedSample begin_sample(ReadResult& result) {
  WorkedSample sample;
  sample.row.key = result.sample.key;
  sample.row.origin = result.origin == result.sample.key ? "" : result.origin;
  sample.row.traits = std::move(result.traits);
  sample.raw = std::move(result.raw);
  sample.meta = std::move(result.sample.meta);
  if (!result.error.empty()) set_outcome(sample, Outcome::kFailed, result.error);
  if (!result.refusal) return sample;
  set_outcome(sample, Outcome::kFiltered, result.refusal->rule + " is " + text_of(result.refusal->value));
  sample.row.rule = result.refusal->rule;
  sample.row.value = result.refusal->value;
  return sample;
}

// All at once; when one of them cannot be encoded, one by one to find it.
void encode_role(const RoleBatch& batch, const std::string& role, const Tokenizer& tokenizer) {
  try {
    std::vector<Codes> codes = tokenizer.encode(batch.media);
    for (std::size_t item = 0; item < codes.size(); ++item) batch.samples[item]->codes[role] = std::move(codes[item]);
    return;
  } catch (const InputError& error) {
    if (batch.media.size() == 1) return set_outcome(*batch.samples.front(), Outcome::kFailed, error.what());
  }
  for (std::size_t item = 0; item < batch.media.size(); ++item)
    encode_role({{batch.media[item]}, {batch.samples[item]}}, role, tokenizer);
}

void apply_bound(const std::string& role, std::int64_t max_tokens, WorkedSample& sample) {
  const auto codes = sample.codes.find(role);
  if (max_tokens == 0 || codes == sample.codes.end() || codes->second.ids_L.numel() <= max_tokens) return;
  const std::int64_t length = codes->second.ids_L.numel();
  sample.codes.erase(codes);  // nobody will ask for them
  if (sample.row.outcome == Outcome::kKept) {
    sample.row.rule = "tokenizers." + role + ".max_tokens";
    sample.row.value = length;
  }
  set_outcome(sample, Outcome::kFiltered,
              role + " has " + std::to_string(length) + " tokens, more than " + std::to_string(max_tokens));
}

}  // namespace

std::size_t WorkedSample::bytes() const {
  std::size_t sum = memory_of(meta);
  for (const auto& [role, code] : codes) sum += code.ids_L.nbytes() + code.layout.coordinates_LA.nbytes();
  return sum;
}

SampleWork::SampleWork(const PrepareOptions& options, const RoleTokenizers& tokenizers, const KeptRules& rules,
                       StageMeter* meter)
    : options_(options), tokenizers_(tokenizers), rules_(rules), meter_(meter), filters_(options.filters) {}

void SampleWork::look(ReadResult& result) const {
  filters_.judge(result);
  if (result.fine()) rules_.note(result, /*at_last=*/false);
}

void SampleWork::prepare(ReadResult& result) const {
  StageTimer timer(meter_, Stage::kFilter);
  timer.count(1);
  finish(result);
  if (result.fine()) filters_.judge(result);  // what was not there to be looked at
  if (result.fine()) rules_.note(result, /*at_last=*/true);
  if (result.fine()) transform(options_.transforms, result.sample);
  if (!result.fine()) result.sample.roles.clear();
}

void SampleWork::tokenize(std::vector<ReadResult>& results, std::vector<WorkedSample>& samples) const {
  const std::size_t first = samples.size();
  StageTimer timer(meter_, Stage::kTokenize);
  timer.count(static_cast<std::size_t>(
      std::count_if(results.begin(), results.end(), [](const ReadResult& result) { return result.fine(); })));
  for (ReadResult& result : results) samples.push_back(begin_sample(result));
  for (const auto& [role, tokenizer] : tokenizers_.tokenizers) {
    RoleBatch batch;
    for (std::size_t index = 0; index < results.size(); ++index) {
      const auto media = results[index].sample.roles.find(role);
      if (media == results[index].sample.roles.end()) continue;
      batch.media.push_back(std::move(media->second));
      batch.samples.push_back(&samples[first + index]);
    }
    if (!batch.media.empty()) encode_role(batch, role, *tokenizer);
    for (WorkedSample* sample : batch.samples) apply_bound(role, options_.tokenizers.at(role).max_tokens, *sample);
  }
  results.clear();
}

std::vector<WorkedSample> SampleWork::run(std::vector<ReadResult> batch) const {
  std::vector<WorkedSample> samples;
  samples.reserve(batch.size());
  std::vector<ReadResult> together;
  std::size_t bytes = 0;
  for (ReadResult& result : batch) {
    prepare(result);
    bytes += bytes_of(result);
    together.push_back(std::move(result));
    if (bytes < kDecodedBytes) continue;
    tokenize(together, samples);
    bytes = 0;
  }
  tokenize(together, samples);
  return samples;
}

}  // namespace palimpsest
