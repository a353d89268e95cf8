#include "backbone/diffusion/pattern_options.h"

namespace palimpsest {

void PatternOptions::validate() const {
  if (!(weight >= 0)) throw InputError("", "weight", "must not be negative");
  if (!(length >= 1)) throw InputError("", "length", "must be at least 1 position");
  if (size < 1) throw InputError("", "size", "must be at least 1, got " + std::to_string(size));
}

void validate_patterns(const PatternMixture& patterns) {
  double total = 0;
  for (const auto& [name, options] : patterns) {
    parse_enum<PatternKind>(name, "", "patterns");
    options.validate();
    total += options.weight;
  }
  if (!patterns.empty() && total <= 0) throw InputError("", "patterns", "must have a weight above 0 among them");
}

}  // namespace palimpsest
