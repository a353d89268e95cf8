// Who looks at whom: a position at the visible positions of its own document.
//
// Shapes: B rows, L positions.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

namespace palimpsest {

// Flat positions b * L + l by group: group i looks from queries [query_begin[i], query_begin[i+1]) at keys
// [key_begin[i], key_begin[i+1]). Every position is a query once. int64, on the CPU.
struct AttentionGroups {
  at::Tensor queries, query_begin, keys, key_begin;
  std::int64_t size() const { return query_begin.numel() - 1; }
};

// In the two forms that attention takes, each made when it is first asked for. Copies share them.
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

 private:
  struct Forms {
    at::Tensor visible_BL, document_BL, mask;
    AttentionGroups groups;
  };
  std::shared_ptr<Forms> forms_;
};

}  // namespace palimpsest
