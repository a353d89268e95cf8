#include "experiments/evaluation/generation.h"

#include "base/interrupt.h"
#include "modalities/media/image.h"
#include "pipelines/best_of.h"

namespace palimpsest {

namespace {

// Which pixels of a picture of `rows` x `columns` the ids marked in chosen_L stand for: each id covers its cell of the
// grid of its depth, and only the finest depth is drawn.
at::Tensor cells_HW(const Layout& layout, const at::Tensor& chosen_L, std::int64_t rows, std::int64_t columns) {
  const auto axis = [&](Axis which) {
    return layout.coordinates_LA.select(1, static_cast<std::int64_t>(which)).to(at::kLong);
  };
  const at::Tensor depth_L = axis(Axis::kDepth), row_L = axis(Axis::kRow), column_L = axis(Axis::kColumn);
  const at::Tensor finest_L = depth_L == depth_L.max();
  const std::int64_t grid_rows = row_L.masked_select(finest_L).max().item<std::int64_t>() + 1;
  const std::int64_t grid_columns = column_L.masked_select(finest_L).max().item<std::int64_t>() + 1;
  const at::Tensor cell_rows = at::arange(rows, at::kLong).mul(grid_rows).div(rows, "floor");
  const at::Tensor cell_columns = at::arange(columns, at::kLong).mul(grid_columns).div(columns, "floor");
  at::Tensor cells = at::zeros({grid_rows, grid_columns}, at::kBool);
  const at::Tensor drawn_L = finest_L.logical_and(chosen_L);
  cells.index_put_({row_L.masked_select(drawn_L), column_L.masked_select(drawn_L)}, at::ones({}, at::kBool));
  return cells.index_select(0, cell_rows).index_select(1, cell_columns);
}

}  // namespace

Made generate(const Model& model, const std::vector<CodedQuery>& queries, const SamplerOptions& options,
              std::uint64_t seed) {
  TORCH_CHECK(!queries.empty(), "generate: no queries");
  const TokenCanvas start = query_canvas(model.schema, queries);
  const std::vector<RandomKey> keys = sample_keys(seed, 0, static_cast<std::int64_t>(queries.size()));
  SampleResult result =
      BestOfSampler(model.diffusion_model(), options).run(start, keys, [](std::int64_t) { stop_if_interrupted(); });
  Made made{read_media(model.schema, model.tokenizers, result.canvas, queries.front().wanted), result.canvas,
            std::move(result.trace)};
  return made;
}

std::vector<CodedQuery> queries_for(const HeldOut& split, const std::vector<std::int64_t>& rows,
                                    const std::vector<std::string>& given, const std::vector<std::string>& wanted) {
  std::vector<CodedQuery> queries;
  for (const std::int64_t row : rows) queries.push_back({split.contents(row, given), {}, wanted});
  return queries;
}

std::vector<CodedQuery> hole_queries(const Model& model, const HeldOut& split, const std::vector<std::int64_t>& rows,
                                     const std::string& role, const Hole& hole) {
  const at::Tensor known_L = known_outside(hole, model.schema.role(model.schema.role_index(role)).layout, role);
  std::vector<CodedQuery> queries = queries_for(split, rows, {role}, {role});
  for (CodedQuery& query : queries) query.known_L[role] = known_L;
  return queries;
}

at::Tensor hole_pixels_HW(const Model& model, const std::string& role, const Hole& hole, const Image& like) {
  const Layout& layout = model.schema.role(model.schema.role_index(role)).layout;
  const at::Tensor inside_L = known_outside(hole, layout, role).logical_not();
  return cells_HW(layout, inside_L, like.pixels_HWC.size(0), like.pixels_HWC.size(1));
}

Image mean_filled(const Image& picture, const at::Tensor& mask_HW) {
  const at::Tensor outside_C = picture.pixels_HWC.index({mask_HW.logical_not()}).to(at::kFloat).mean(0).round();
  at::Tensor filled_HWC = picture.pixels_HWC.clone();
  filled_HWC.index_put_({mask_HW}, outside_C.to(at::kByte));
  return {filled_HWC};
}

}  // namespace palimpsest
