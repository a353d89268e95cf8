// What the recipe's tables [diffusion.patterns.NAME] say.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/options.h"

namespace palimpsest {

enum class PatternKind {
  kIid,
  kSpans,
  kBlocks,
  kScale,
  kRole,
  kModality,
  kPrefix,
  kSuffix,
  kInfill,
  kHalves,
  kObjects,
};
constexpr auto enum_names(PatternKind) {
  return std::array{std::pair{PatternKind::kIid, "iid"},        std::pair{PatternKind::kSpans, "spans"},
                    std::pair{PatternKind::kBlocks, "blocks"},  std::pair{PatternKind::kScale, "scale"},
                    std::pair{PatternKind::kRole, "role"},      std::pair{PatternKind::kModality, "modality"},
                    std::pair{PatternKind::kPrefix, "prefix"},  std::pair{PatternKind::kSuffix, "suffix"},
                    std::pair{PatternKind::kInfill, "infill"},  std::pair{PatternKind::kHalves, "halves"},
                    std::pair{PatternKind::kObjects, "objects"}};
}

enum class HalvesAxis { kAny, kDepth, kRow, kColumn };
constexpr auto enum_names(HalvesAxis) {
  return std::array{std::pair{HalvesAxis::kAny, "any"}, std::pair{HalvesAxis::kDepth, "depth"},
                    std::pair{HalvesAxis::kRow, "row"}, std::pair{HalvesAxis::kColumn, "column"}};
}

struct PatternOptions {
  double weight = 1.0;                  // share of the documents, among the patterns of a modality
  std::vector<std::string> modalities;  // that it is for; empty: all
  double length = 4.0;                  // spans: mean positions of one
  std::int64_t size = 2;                // blocks: rows and columns of one
  HalvesAxis axis = HalvesAxis::kAny;   // halves: across which; any: drawn among those longer than 1

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("weight", self.weight, "share of the documents, among the patterns of a modality");
    visitor("modalities", self.modalities, "modalities that the pattern is for; empty: all");
    visitor("length", self.length, "spans: mean length in positions");
    visitor("size", self.size, "blocks: rows and columns of one");
    visitor("axis", self.axis, "halves: depth, row, column or any");
  }
  void validate() const;
};

// Patterns by the name of their kind. Empty is iid for all, and so is a modality that no pattern is for.
using PatternMixture = std::map<std::string, PatternOptions>;

// InputError: a name that is no pattern's, or weights of a modality that are all 0.
void validate_patterns(const PatternMixture& patterns);

}  // namespace palimpsest
