// What is done to samples apart from one another: decoding, filters, transforms, ids. Any thread may do it.
#pragma once

#include "datasets/prepare/filters.h"
#include "datasets/prepare/kept_rules.h"
#include "datasets/prepare/ledger.h"
#include "datasets/prepare/settings.h"
#include "datasets/prepare/stage_meter.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// A sample as it goes into a shard, or why it does not.
struct WorkedSample {
  LedgerRow row;  // but for split, index and place
  nlohmann::json meta;
  std::map<std::string, Codes> codes;
  std::shared_ptr<const std::map<std::string, std::string>> raw;  // members of a failed one
  std::size_t bytes() const;                                      // of memory that ids and meta take
};

class SampleWork {
 public:
  // All must outlive it. `meter`, where there is one, is told of the stages.
  SampleWork(const PrepareOptions& options, const RoleTokenizers& tokenizers, const KeptRules& rules,
             StageMeter* meter = nullptr);

  // For Reading::look: filters and traits of media as they were read.
  void look(ReadResult& result) const;

  // One result a sample, in order. What a sample becomes does not depend on the others of the batch, nor does memory on
  // how many there are.
  std::vector<WorkedSample> run(std::vector<ReadResult> batch) const;

 private:
  void prepare(ReadResult& result) const;
  void tokenize(std::vector<ReadResult>& results, std::vector<WorkedSample>& samples) const;

  const PrepareOptions& options_;
  const RoleTokenizers& tokenizers_;
  const KeptRules& rules_;
  StageMeter* meter_;
  Filters filters_;
};

}  // namespace palimpsest
