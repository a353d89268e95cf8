#include "backbone/transformer/digits.h"

#include <functional>
#include <numeric>

#include "base/errors.h"

namespace palimpsest {

namespace {

// [size, levels]: the value of one digit, marked, of each of `rest`, which loses it.
at::Tensor take_digit(at::Tensor& rest, std::int64_t level) {
  const at::Tensor marks = at::zeros({rest.numel(), level}, at::kFloat);
  marks.scatter_(1, rest.remainder(level).unsqueeze(1), 1.0);
  rest = rest.floor_divide(level);
  return marks;
}

// The marks of one sub-range, [size, sum of levels].
at::Tensor marks_of(std::int64_t size, const std::vector<std::int64_t>& levels) {
  at::Tensor rest = at::arange(size, at::kLong);
  std::vector<at::Tensor> digits;
  for (const std::int64_t level : levels) digits.push_back(take_digit(rest, level));
  return at::cat(digits, 1);
}

}  // namespace

at::Tensor digit_marks_VK(const Vocabulary& vocabulary,
                          const std::map<std::string, std::vector<std::int64_t>>& levels) {
  std::vector<at::Tensor> columns;
  for (const auto& [modality, grid] : levels) {
    const std::int64_t index = vocabulary.modality_index(modality);
    const std::int64_t points = std::accumulate(grid.begin(), grid.end(), std::int64_t{1}, std::multiplies<>());
    const CodeSpace& space = vocabulary.space(index);
    for (std::size_t part = 0; part < space.sub_range_sizes.size(); ++part) {
      const std::int64_t size = space.sub_range_sizes[part];
      if (grid.empty() || points != size) {
        throw InputError("", "backbone.digits." + modality,
                         "levels must multiply to the " + std::to_string(size) + " ids of a codebook, not " +
                             std::to_string(points));
      }
      const at::Tensor marks = marks_of(size, grid);
      const at::Tensor column = at::zeros({vocabulary.size(), marks.size(1)}, at::kFloat);
      const std::int64_t begin = vocabulary.range(index).begin + space.sub_range_begin(static_cast<std::int64_t>(part));
      column.slice(0, begin, begin + size).copy_(marks);
      columns.push_back(column);
    }
  }
  return at::cat(columns, 1);
}

}  // namespace palimpsest
