#include "pipelines/sampling/score.h"

#include <cmath>
#include <set>

namespace palimpsest {

double entropy_of(std::span<const float> log_prob_V) {
  double sum = 0;
  for (const float log_prob : log_prob_V) {
    if (std::isfinite(log_prob)) sum -= std::exp(static_cast<double>(log_prob)) * log_prob;
  }
  return sum;
}

double margin_of(std::span<const float> log_prob_V) {
  double first = 0, second = 0;
  for (const float log_prob : log_prob_V) {
    const double probability = std::exp(static_cast<double>(log_prob));
    if (probability > first) {
      second = first;
      first = probability;
    } else {
      second = std::max(second, probability);
    }
  }
  return first - second;
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
  std::vector<double> result;
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const Spot& spot = spots[i];
    if (kind == UnmaskKind::kConfidence) {
      result.push_back(writes[i].log_prob);
    } else if (kind == UnmaskKind::kMargin) {
      result.push_back(margin_of(log_probs_at(view, spot)));
    } else if (kind == UnmaskKind::kEntropy) {
      result.push_back(-entropy_of(log_probs_at(view, spot)));
    } else if (kind == UnmaskKind::kHalton) {
      const auto& ranks_N = ranks[static_cast<std::size_t>(spot.role)];
      result.push_back(
          -static_cast<double>(ranks_N[static_cast<std::size_t>(spot.column - view.schema.role_begin(spot.role))]));
    } else {
      result.push_back(uniform_at(view, spot, "order"));
    }
  }
  return result;
}

bool takes_noise(UnmaskKind kind) {
  return kind == UnmaskKind::kConfidence || kind == UnmaskKind::kMargin || kind == UnmaskKind::kEntropy;
}

}  // namespace palimpsest
