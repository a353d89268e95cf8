#include "modalities/canvas/vocabulary.h"

#include "base/errors.h"

namespace palimpsest {

Vocabulary::Vocabulary(std::vector<CodeSpace> spaces) : spaces_(std::move(spaces)) {
  for (std::size_t modality = 0; modality < spaces_.size(); ++modality) {
    const CodeSpace& space = spaces_[modality];
    for (std::size_t other = 0; other < modality; ++other) {
      TORCH_CHECK(spaces_[other].modality != space.modality, "Vocabulary: modality '", space.modality,
                  "' is named twice");
    }
    TORCH_CHECK(!space.sub_range_sizes.empty(), "Vocabulary: modality '", space.modality, "' has no sub-range");
    first_class_.push_back(num_classes());
    ranges_.push_back({size_, size_ + space.size()});
    for (const std::int64_t sub_range_size : space.sub_range_sizes) {
      TORCH_CHECK(sub_range_size > 0, "Vocabulary: modality '", space.modality, "' has a sub-range of ", sub_range_size,
                  " ids");
      for (const bool with_end : {false, true}) {
        classes_.push_back({{size_, size_ + sub_range_size}, with_end, static_cast<std::int64_t>(modality)});
      }
      size_ += sub_range_size;
    }
  }
  legal_CV_ = at::zeros({num_classes(), size_}, at::kBool);
  bool* legal = legal_CV_.data_ptr<bool>();
  for (const LegalClass& legal_class : classes_) {
    std::fill(legal + legal_class.range.begin, legal + legal_class.range.end, true);
    legal[kEndId] = legal_class.with_end;
    legal += size_;
  }
}

std::int64_t Vocabulary::modality_index(const std::string& name) const {
  std::vector<std::string> names;
  for (const CodeSpace& space : spaces_) {
    if (space.modality == name) return static_cast<std::int64_t>(names.size());
    names.push_back(space.modality);
  }
  throw InputError("", name, "no such modality" + suggest(name, names));
}

IdRange Vocabulary::range(std::int64_t modality) const { return ranges_.at(static_cast<std::size_t>(modality)); }

std::int64_t Vocabulary::class_of(std::int64_t modality, std::int64_t depth, bool elastic) const {
  return first_class_.at(static_cast<std::size_t>(modality)) + 2 * space(modality).sub_range_of(depth) +
         (elastic ? 1 : 0);
}

at::Tensor Vocabulary::to_joint(const at::Tensor& local_ids, std::int64_t modality) const {
  return local_ids + range(modality).begin;
}

at::Tensor Vocabulary::to_local(const at::Tensor& joint_ids, std::int64_t modality) const {
  return joint_ids - range(modality).begin;
}

}  // namespace palimpsest
