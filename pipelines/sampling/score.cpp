#include "pipelines/sampling/score.h"

#include <cmath>
#include <set>

#include "backbone/kernels/distribution_loops.h"
#include "base/parallel.h"

namespace palimpsest {

double entropy_of(std::span<const float> log_prob_V) {
  return loops::entropy(log_prob_V.data(), static_cast<std::int64_t>(log_prob_V.size()));
}

double margin_of(std::span<const float> log_prob_V) {
  const loops::Greatest greatest = loops::two_greatest(log_prob_V.data(), static_cast<std::int64_t>(log_prob_V.size()));
  return std::exp(static_cast<double>(greatest.first)) - std::exp(static_cast<double>(greatest.second));
}

namespace {

// Element `index` of van der Corput's sequence, as the cell of `size` that it falls in.
std::int64_t halton_cell(std::int64_t index, std::int64_t base, std::int64_t size) {
  double value = 0, digit = 1;
  for (; index > 0; index /= base) {
    digit /= static_cast<double>(base);
    value += digit * static_cast<double>(index % base);
  }
  return static_cast<std::int64_t>(value * static_cast<double>(size));
}

struct Cell {
  std::int64_t row = 0, column = 0;
  auto operator<=>(const Cell&) const = default;
};

std::map<Cell, std::int64_t> halton_order(std::int64_t rows, std::int64_t columns) {
  std::map<Cell, std::int64_t> order;
  for (std::int64_t index = 1; static_cast<std::int64_t>(order.size()) < rows * columns; ++index) {
    order.try_emplace({halton_cell(index, 2, rows), halton_cell(index, 3, columns)},
                      static_cast<std::int64_t>(order.size()));
  }
  return order;
}

std::vector<std::vector<std::int64_t>> role_ranks(const StepView& view) {
  std::vector<std::vector<std::int64_t>> ranks;
  for (const Role& role : view.schema.roles()) ranks.push_back(halton_ranks_N(role.layout.coordinates_LA));
  return ranks;
}

}  // namespace

std::vector<std::int64_t> halton_ranks_N(const at::Tensor& coordinates_NA) {
  const at::Tensor contiguous_NA = coordinates_NA.contiguous();
  const std::int32_t* coordinate = contiguous_NA.const_data_ptr<std::int32_t>();
  const std::int64_t count = contiguous_NA.size(0);
  const auto at = [&](std::int64_t n, Axis axis) {
    return static_cast<std::int64_t>(coordinate[n * kAxes + static_cast<std::int64_t>(axis)]);
  };
  std::map<std::int64_t, Cell> size;  // of each depth's grid
  for (std::int64_t n = 0; n < count; ++n) {
    Cell& grid = size[at(n, Axis::kDepth)];
    grid.row = std::max(grid.row, at(n, Axis::kRow) + 1);
    grid.column = std::max(grid.column, at(n, Axis::kColumn) + 1);
  }
  std::map<std::int64_t, std::map<Cell, std::int64_t>> order;
  for (const auto& [depth, grid] : size) order[depth] = halton_order(grid.row, grid.column);
  std::vector<std::int64_t> ranks;
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t before = 0;  // cells of coarser depths
    for (const auto& [depth, grid] : size) before += depth < at(n, Axis::kDepth) ? grid.row * grid.column : 0;
    ranks.push_back(before + order[at(n, Axis::kDepth)].at({at(n, Axis::kRow), at(n, Axis::kColumn)}));
  }
  return ranks;
}

std::vector<double> scores(UnmaskKind kind, const StepView& view, const std::vector<Spot>& spots,
                           const std::vector<Write>& writes) {
  const auto ranks = kind == UnmaskKind::kHalton ? role_ranks(view) : std::vector<std::vector<std::int64_t>>();
  const auto score = [&](std::size_t i) {
    const Spot& spot = spots[i];
    if (kind == UnmaskKind::kConfidence) return writes[i].log_prob;
    if (kind == UnmaskKind::kMargin) return margin_of(log_probs_at(view, spot));
    if (kind == UnmaskKind::kEntropy) return -entropy_of(log_probs_at(view, spot));
    if (kind != UnmaskKind::kHalton) return uniform_at(view, spot, "order");
    const auto& ranks_N = ranks[static_cast<std::size_t>(spot.role)];
    return -static_cast<double>(ranks_N[static_cast<std::size_t>(spot.column - view.schema.role_begin(spot.role))]);
  };
  std::vector<double> result(spots.size());
  parallel_for(0, static_cast<std::int64_t>(spots.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) result[i] = score(i);
  });
  return result;
}

bool takes_noise(UnmaskKind kind) {
  return kind == UnmaskKind::kConfidence || kind == UnmaskKind::kMargin || kind == UnmaskKind::kEntropy;
}

}  // namespace palimpsest
