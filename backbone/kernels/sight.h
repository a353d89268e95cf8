// Who looks at whom: a position at the visible positions of its own document.
//
// Shapes: B rows, L positions, N = B L.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

namespace palimpsest {

// Flat positions b * L + l by group: group i looks from queries [query_begin[i], query_begin[i+1]) at keys
// [key_begin[i], key_begin[i+1]). Every position is a query once. int64, on the CPU.
struct AttentionGroups {
  at::Tensor queries, query_begin, keys, key_begin;
  std::int64_t size() const { return query_begin.numel() - 1; }
};

// Some of N flat positions in an order: a run, or a list.
class Positions {
 public:
  static Positions run(std::int64_t first, std::int64_t count);
  explicit Positions(const std::vector<std::int64_t>& list);

  // These rows of x_N: a view of a run, else a copy.
  at::Tensor of(const at::Tensor& x_N) const;

  // Writes one row for each position into x_N, which is made of N rows of zeros when undefined; rows of all N
  // positions in a run become it.
  void put(const at::Tensor& rows, at::Tensor& x_N, std::int64_t N) const;

  Positions to(c10::Device device) const;

 private:
  Positions(std::int64_t first, std::int64_t count) : first_(first), count_(count) {}

  std::int64_t first_ = 0, count_ = 0;
  at::Tensor list_;  // undefined for a run
};

// Groups with keys that have equal numbers of queries and of keys, one after another.
struct EqualGroups {
  std::int64_t count;
  Positions queries, keys;
};

// All groups with keys, one after another, as attention of variable lengths takes them: group i is queries
// [query_begin[i], query_begin[i+1]) of those in `queries`, and its keys likewise. All on one device; int32 [groups+1].
struct PackedGroups {
  Positions queries, keys;
  at::Tensor query_begin, key_begin;
  std::int64_t most_queries = 0, most_keys = 0;  // of a group; 0: there is no group
};

// In the forms that attention takes, each made when it is first asked for. Copies share them.
class Sight {
 public:
  // Everybody at everybody in the row.
  Sight() = default;
  // bool [B,L], and int64 [B,L], undefined for one document a row.
  Sight(const at::Tensor& visible_BL, const at::Tensor& document_BL);

  bool everything() const { return !forms_; }

  // What is added to a query's score (third axis) of a key (last): 0 or -infinity. float32 [B,1,L,L], or a view of as
  // much; undefined when everybody may look at everything.
  at::Tensor mask() const;

  // For rows of this shape. Positions of a group keep their order.
  AttentionGroups groups(std::int64_t rows, std::int64_t length) const;

  // The same by size; queries without keys are left out.
  std::vector<EqualGroups> equal_groups(std::int64_t rows, std::int64_t length) const;

  // The same, packed, on a device.
  PackedGroups packed_groups(std::int64_t rows, std::int64_t length, c10::Device device) const;

 private:
  struct Forms {
    at::Tensor visible_BL, document_BL, mask;
    AttentionGroups groups;
    std::vector<EqualGroups> equal_groups;
    std::optional<PackedGroups> packed_groups;
  };
  std::shared_ptr<Forms> forms_;
};

}  // namespace palimpsest
