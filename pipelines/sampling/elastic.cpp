#include "pipelines/sampling/elastic.h"

#include <limits>

namespace palimpsest {

namespace {

// One elastic role of one row: flat positions [begin, end).
struct ElasticRun {
  std::int64_t begin = 0, end = 0;
};

std::vector<ElasticRun> elastic_runs(const CanvasSchema& schema, const TokenCanvas& canvas) {
  std::vector<ElasticRun> runs;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    if (!schema.holds(role) || !schema.role(role).elastic) continue;
    for (std::int64_t row = 0; row < canvas.rows(); ++row) {
      const std::int64_t begin = row * canvas.length() + schema.role_begin(role);
      runs.push_back({begin, begin + schema.role(role).length()});
    }
  }
  return runs;
}

}  // namespace

at::Tensor forbid_end_before_content(const CanvasSchema& schema, const TokenCanvas& canvas,
                                     const at::Tensor& position_M, const at::Tensor& logits_MV) {
  at::Tensor forbidden_N = at::zeros({canvas.rows() * canvas.length()}, at::kBool);
  const at::Tensor tokens_BL = canvas.tokens_BL.contiguous();
  const std::int64_t* tokens = tokens_BL.const_data_ptr<std::int64_t>();
  bool* forbidden = forbidden_N.mutable_data_ptr<bool>();
  for (const ElasticRun& run : elastic_runs(schema, canvas)) {
    bool content = false;
    for (std::int64_t at = run.end - 1; at >= run.begin; --at) {
      forbidden[at] = content;
      content = content || (tokens[at] != kMaskId && tokens[at] != kEndId);
    }
  }
  const at::Tensor forbidden_M = forbidden_N.index_select(0, position_M).to(logits_MV.device());
  at::Tensor result_MV = logits_MV;
  result_MV.select(1, kEndId).masked_fill_(forbidden_M, -std::numeric_limits<float>::infinity());
  return result_MV;
}

std::vector<std::int64_t> implied_ends(const CanvasSchema& schema, const TokenCanvas& canvas) {
  const at::Tensor tokens_BL = canvas.tokens_BL.contiguous(), frozen_BL = canvas.frozen_BL.contiguous();
  const std::int64_t* tokens = tokens_BL.const_data_ptr<std::int64_t>();
  const bool* frozen = frozen_BL.const_data_ptr<bool>();
  std::vector<std::int64_t> positions;
  for (const ElasticRun& run : elastic_runs(schema, canvas)) {
    bool ended = false;
    for (std::int64_t at = run.begin; at < run.end; ++at) {
      if (ended && tokens[at] != kEndId && !frozen[at]) positions.push_back(at);
      ended = ended || tokens[at] == kEndId;
    }
  }
  return positions;
}

}  // namespace palimpsest
