#include "pipelines/sampling/elastic.h"

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

// Ids of one canvas, flat, as these rules read them.
class FlatCanvas {
 public:
  explicit FlatCanvas(const TokenCanvas& canvas)
      : tokens_(canvas.tokens_BL.contiguous()),
        frozen_(canvas.frozen_BL.contiguous()),
        depth_(canvas.coordinates_BLA.select(2, static_cast<std::int64_t>(Axis::kDepth)).contiguous()) {}

  std::int64_t token(std::int64_t at) const { return tokens_.const_data_ptr<std::int64_t>()[at]; }
  bool is_content(std::int64_t at) const { return token(at) != kMaskId && token(at) != kEndId; }
  bool is_frozen(std::int64_t at) const { return frozen_.const_data_ptr<bool>()[at]; }
  bool starts_unit(std::int64_t at) const { return depth_.const_data_ptr<std::int32_t>()[at] == 0; }

 private:
  at::Tensor tokens_, frozen_, depth_;
};

void forbid_in_run(const FlatCanvas& canvas, const ElasticRun& run, bool* forbidden) {
  bool follows = false;  // is there content to the right?
  for (std::int64_t at = run.end - 1; at >= run.begin; --at) {
    forbidden[at] = follows;
    follows = follows || canvas.is_content(at);
  }
  bool begun = false;  // does the unit have content to the left?
  for (std::int64_t at = run.begin; at < run.end; ++at) {
    begun = begun && !canvas.starts_unit(at);
    forbidden[at] = forbidden[at] || begun;
    begun = begun || canvas.is_content(at);
  }
}

// Where the run's first `end` cuts: the start of its unit. The run's own end when there is no `end`.
std::int64_t cut_of(const FlatCanvas& canvas, const ElasticRun& run) {
  std::int64_t cut = run.begin;
  while (cut < run.end && canvas.token(cut) != kEndId) ++cut;
  if (cut == run.end) return cut;
  while (cut > run.begin && !canvas.starts_unit(cut)) --cut;
  return cut;
}

}  // namespace

at::Tensor inside_content(const CanvasSchema& schema, const TokenCanvas& canvas) {
  at::Tensor inside = at::zeros({canvas.rows() * canvas.length()}, at::kBool);
  const FlatCanvas flat(canvas);
  for (const ElasticRun& run : elastic_runs(schema, canvas)) forbid_in_run(flat, run, inside.mutable_data_ptr<bool>());
  return inside;
}

std::vector<std::int64_t> implied_ends(const CanvasSchema& schema, const TokenCanvas& canvas) {
  const FlatCanvas flat(canvas);
  std::vector<std::int64_t> positions;
  for (const ElasticRun& run : elastic_runs(schema, canvas)) {
    for (std::int64_t at = cut_of(flat, run); at < run.end; ++at) {
      if (flat.token(at) != kEndId && !flat.is_frozen(at)) positions.push_back(at);
    }
  }
  return positions;
}

}  // namespace palimpsest
