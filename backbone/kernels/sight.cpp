#include "backbone/kernels/sight.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace palimpsest {

namespace {

AttentionGroups whole_rows(std::int64_t rows, std::int64_t length) {
  const at::Tensor positions = at::arange(rows * length, at::kLong);
  const at::Tensor begin = at::arange(0, (rows + 1) * length, std::max<std::int64_t>(length, 1), at::kLong);
  return {positions, begin, positions, begin};
}

at::Tensor tensor_of(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

// Collects groups row by row.
struct GroupLists {
  std::vector<std::int64_t> queries, query_begin{0}, keys, key_begin{0};

  void add_row(std::int64_t first, const bool* visible_L, const std::int64_t* document_L, std::int64_t length) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(length));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    if (document_L) {
      std::stable_sort(order.begin(), order.end(),
                       [&](std::int64_t a, std::int64_t b) { return document_L[a] < document_L[b]; });
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::int64_t position = order[i];
      queries.push_back(first + position);
      if (visible_L[position]) keys.push_back(first + position);
      const bool last = i + 1 == order.size() || (document_L && document_L[order[i + 1]] != document_L[position]);
      if (!last) continue;
      query_begin.push_back(static_cast<std::int64_t>(queries.size()));
      key_begin.push_back(static_cast<std::int64_t>(keys.size()));
    }
  }
};

}  // namespace

Sight::Sight(const at::Tensor& visible_BL, const at::Tensor& document_BL)
    : forms_(std::make_shared<Forms>(Forms{visible_BL, document_BL, {}, {}})) {}

at::Tensor Sight::mask() const {
  if (!forms_ || forms_->mask.defined()) return forms_ ? forms_->mask : at::Tensor();
  at::Tensor allowed = forms_->visible_BL.unsqueeze(1).unsqueeze(1);
  if (forms_->document_BL.defined()) {
    const at::Tensor& document_BL = forms_->document_BL;
    allowed = allowed.logical_and(document_BL.unsqueeze(2).eq(document_BL.unsqueeze(1)).unsqueeze(1));
  }
  const at::Tensor mask = at::zeros(allowed.sizes(), allowed.options().dtype(at::kFloat))
                              .masked_fill(allowed.logical_not(), -std::numeric_limits<float>::infinity());
  const std::int64_t B = forms_->visible_BL.size(0), L = forms_->visible_BL.size(1);
  return forms_->mask = mask.expand({B, 1, L, L});
}

AttentionGroups Sight::groups(std::int64_t rows, std::int64_t length) const {
  if (!forms_) return whole_rows(rows, length);
  if (forms_->groups.queries.defined()) return forms_->groups;
  const at::Tensor visible = forms_->visible_BL.contiguous(),
                   document = forms_->document_BL.defined() ? forms_->document_BL.contiguous() : at::Tensor();
  GroupLists lists;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t first = row * length;
    lists.add_row(first, visible.const_data_ptr<bool>() + first,
                  document.defined() ? document.const_data_ptr<std::int64_t>() + first : nullptr, length);
  }
  return forms_->groups = {tensor_of(lists.queries), tensor_of(lists.query_begin), tensor_of(lists.keys),
                           tensor_of(lists.key_begin)};
}

}  // namespace palimpsest
