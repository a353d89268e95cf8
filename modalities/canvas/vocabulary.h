// Vocabulary: the joint id space. 0 pad, 1 mask, 2 end, 3-15 reserved; then one contiguous range a modality.
//
// Shapes: C legality classes, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "modalities/canvas/layout.h"

namespace palimpsest {

inline constexpr std::int64_t kPadId = 0, kMaskId = 1, kEndId = 2, kFirstModalityId = 16;

// Half-open range of joint ids.
struct IdRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

// The ids that may stand at a position: a range, plus `end` in elastic roles. A class is (modality, sub-range,
// elastic).
struct LegalClass {
  IdRange range;
  bool with_end = false;
  std::int64_t modality = 0;
};

class Vocabulary {
 public:
  Vocabulary() = default;
  // Ranges in the order given. c10::Error for a modality named twice or an empty sub-range.
  explicit Vocabulary(std::vector<CodeSpace> spaces);

  std::int64_t size() const { return size_; }
  std::int64_t num_modalities() const { return static_cast<std::int64_t>(spaces_.size()); }
  const CodeSpace& space(std::int64_t modality) const { return spaces_.at(static_cast<std::size_t>(modality)); }
  std::int64_t modality_index(const std::string& name) const;  // InputError with the nearest name
  IdRange range(std::int64_t modality) const;

  // Legality classes: index 2*sub-range (+1 when elastic), counted over all modalities in order.
  std::int64_t num_classes() const { return static_cast<std::int64_t>(classes_.size()); }
  std::int64_t class_of(std::int64_t modality, std::int64_t depth, bool elastic) const;
  const LegalClass& legal_class(std::int64_t index) const { return classes_.at(static_cast<std::size_t>(index)); }
  // bool [C,V]: true where the id is legal in the class. Made once and shared: not to be written to.
  const at::Tensor& legal_CV() const { return legal_CV_; }

  // Joint id of a tokenizer-local id and back (elementwise; `end` stays out of it).
  at::Tensor to_joint(const at::Tensor& local_ids, std::int64_t modality) const;
  at::Tensor to_local(const at::Tensor& joint_ids, std::int64_t modality) const;

 private:
  std::vector<CodeSpace> spaces_;
  std::vector<IdRange> ranges_;
  std::vector<std::int64_t> first_class_;
  std::vector<LegalClass> classes_;
  at::Tensor legal_CV_;
  std::int64_t size_ = kFirstModalityId;
};

}  // namespace palimpsest
