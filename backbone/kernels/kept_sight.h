// A sight among what a function of autograd keeps for the way back.
#pragma once

#include <ATen/core/ivalue.h>

#include "backbone/kernels/sight.h"

namespace palimpsest {

struct KeptSight : torch::CustomClassHolder {
  explicit KeptSight(Sight kept) : sight(std::move(kept)) {}
  Sight sight;
};

inline c10::IValue kept_value(const Sight& sight) {
  return c10::IValue::make_capsule(c10::make_intrusive<KeptSight>(sight));
}
inline Sight kept_sight(const c10::IValue& kept) { return static_cast<const KeptSight&>(*kept.toCapsule()).sight; }

}  // namespace palimpsest
