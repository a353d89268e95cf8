#include "backbone/kernels/sight.h"

#include <algorithm>
#include <limits>
#include <map>
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

// Groups that have keys, by their numbers of queries and of keys.
std::vector<EqualGroups> by_size(const AttentionGroups& groups) {
  struct Lists {
    std::int64_t count = 0;
    std::vector<std::int64_t> queries, keys;
  };
  std::map<std::pair<std::int64_t, std::int64_t>, Lists> sizes;
  const auto *queries = groups.queries.const_data_ptr<std::int64_t>(),
             *query_begin = groups.query_begin.const_data_ptr<std::int64_t>(),
             *keys = groups.keys.const_data_ptr<std::int64_t>(),
             *key_begin = groups.key_begin.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < groups.size(); ++i) {
    if (key_begin[i] == key_begin[i + 1]) continue;
    Lists& lists = sizes[{query_begin[i + 1] - query_begin[i], key_begin[i + 1] - key_begin[i]}];
    ++lists.count;
    lists.queries.insert(lists.queries.end(), queries + query_begin[i], queries + query_begin[i + 1]);
    lists.keys.insert(lists.keys.end(), keys + key_begin[i], keys + key_begin[i + 1]);
  }
  std::vector<EqualGroups> all;
  for (const auto& [size, lists] : sizes) all.push_back({lists.count, Positions(lists.queries), Positions(lists.keys)});
  return all;
}

// Groups that have keys, one after another, on the CPU.
PackedGroups packed(const AttentionGroups& groups) {
  std::vector<std::int64_t> queries, keys;
  std::vector<std::int32_t> query_begin{0}, key_begin{0};
  std::int64_t most_queries = 0, most_keys = 0;
  const auto add = [](std::vector<std::int64_t>& list, std::vector<std::int32_t>& begin, const at::Tensor& positions,
                      const at::Tensor& borders, std::int64_t i) {
    const auto* border = borders.const_data_ptr<std::int64_t>() + i;
    const auto* first = positions.const_data_ptr<std::int64_t>();
    list.insert(list.end(), first + border[0], first + border[1]);
    begin.push_back(static_cast<std::int32_t>(list.size()));
    return border[1] - border[0];
  };
  const auto* key_borders = groups.key_begin.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < groups.size(); ++i) {
    if (key_borders[i] == key_borders[i + 1]) continue;
    most_queries = std::max(most_queries, add(queries, query_begin, groups.queries, groups.query_begin, i));
    most_keys = std::max(most_keys, add(keys, key_begin, groups.keys, groups.key_begin, i));
  }
  return {Positions(queries), Positions(keys), at::tensor(query_begin, at::kInt), at::tensor(key_begin, at::kInt),
          most_queries,       most_keys};
}

}  // namespace

Positions Positions::run(std::int64_t first, std::int64_t count) { return {first, count}; }

Positions::Positions(const std::vector<std::int64_t>& list) : count_(std::ssize(list)) {
  if (!list.empty()) first_ = list.front();
  bool run = true;
  for (std::int64_t i = 0; i < count_; ++i) run = run && list[static_cast<std::size_t>(i)] == first_ + i;
  if (!run) list_ = tensor_of(list);
}

at::Tensor Positions::of(const at::Tensor& x_N) const {
  return list_.defined() ? x_N.index_select(0, list_) : x_N.narrow(0, first_, count_);
}

void Positions::put(const at::Tensor& rows, at::Tensor& x_N, std::int64_t N) const {
  if (!x_N.defined() && !list_.defined() && count_ == N) {
    x_N = rows;
    return;
  }
  if (!x_N.defined()) {
    std::vector<std::int64_t> sizes = rows.sizes().vec();
    sizes[0] = N;
    x_N = at::zeros(sizes, rows.options());
  }
  if (list_.defined()) {
    x_N.index_copy_(0, list_, rows);
  } else {
    x_N.narrow(0, first_, count_).copy_(rows);
  }
}

Positions Positions::to(c10::Device device) const {
  Positions moved = *this;
  if (list_.defined()) moved.list_ = list_.to(device);
  return moved;
}

Sight::Sight(const at::Tensor& visible_BL, const at::Tensor& document_BL)
    : forms_(std::make_shared<Forms>(Forms{visible_BL, document_BL, {}, {}, {}, {}})) {}

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
  const at::Tensor visible = forms_->visible_BL.cpu().contiguous(),
                   document = forms_->document_BL.defined() ? forms_->document_BL.cpu().contiguous() : at::Tensor();
  GroupLists lists;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t first = row * length;
    lists.add_row(first, visible.const_data_ptr<bool>() + first,
                  document.defined() ? document.const_data_ptr<std::int64_t>() + first : nullptr, length);
  }
  return forms_->groups = {tensor_of(lists.queries), tensor_of(lists.query_begin), tensor_of(lists.keys),
                           tensor_of(lists.key_begin)};
}

std::vector<EqualGroups> Sight::equal_groups(std::int64_t rows, std::int64_t length) const {
  const Positions all = Positions::run(0, rows * length);
  if (!forms_) return {{rows, all, all}};
  if (forms_->equal_groups.empty()) forms_->equal_groups = by_size(groups(rows, length));
  return forms_->equal_groups;
}

PackedGroups Sight::packed_groups(std::int64_t rows, std::int64_t length, c10::Device device) const {
  if (!forms_) {
    const at::Tensor begin = at::arange(0, rows + 1, at::device(device).dtype(at::kInt)) * length;
    const Positions all = Positions::run(0, rows * length);
    return {all, all, begin, begin, length, length};
  }
  std::optional<PackedGroups>& kept = forms_->packed_groups;
  if (!kept || kept->query_begin.device() != device) {
    const PackedGroups here = packed(groups(rows, length));
    kept = {here.queries.to(device),   here.keys.to(device), here.query_begin.to(device),
            here.key_begin.to(device), here.most_queries,    here.most_keys};
  }
  return *kept;
}

}  // namespace palimpsest
