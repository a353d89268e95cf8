// How close two computations of the same thing must be: a matter of the number type, in one table.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest::test {

struct Tolerance {
  double relative, absolute;
};

// For results of a few hundred accumulated terms of order one.
inline Tolerance tolerance_of(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::ScalarType::Double:
      return {1e-10, 1e-12};
    case c10::ScalarType::BFloat16:
      return {4e-2, 4e-2};
    default:
      return {1e-4, 1e-5};
  }
}

// Same shape, finite, and within the tolerance of `dtype`.
inline bool close(const at::Tensor& a, const at::Tensor& b, c10::ScalarType dtype) {
  const Tolerance tolerance = tolerance_of(dtype);
  return a.sizes() == b.sizes() && a.isfinite().all().item<bool>() &&
         at::allclose(a.to(at::kDouble), b.to(at::kDouble), tolerance.relative, tolerance.absolute);
}

}  // namespace palimpsest::test
