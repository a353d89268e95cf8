#include "backbone/diffusion/pattern_draw.h"

namespace palimpsest {

namespace {

PatternRanks ranks_of(PatternKind kind) {
  for (const PatternFamily& family : pattern_families()) {
    if (family.kind == kind) return family.ranks;
  }
  TORCH_CHECK(false, "PatternDraw: pattern '", enum_name(kind), "' is not in the table");
}

std::vector<std::int64_t> modalities_of(const PatternOptions& options, const Vocabulary& vocabulary) {
  std::vector<std::int64_t> modalities;
  for (const std::string& name : options.modalities) modalities.push_back(vocabulary.modality_index(name));
  for (std::int64_t k = 0; options.modalities.empty() && k < vocabulary.num_modalities(); ++k) modalities.push_back(k);
  return modalities;
}

}  // namespace

PatternDraw::PatternDraw(const PatternMixture& patterns, const Vocabulary& vocabulary)
    : choices_(static_cast<std::size_t>(vocabulary.num_modalities())) {
  for (const auto& [name, options] : patterns) {
    const PatternRanks family = ranks_of(parse_enum<PatternKind>(name, "", "patterns"));
    for (const std::int64_t modality : modalities_of(options, vocabulary)) {
      if (options.weight == 0) continue;
      std::vector<Choice>& choices = choices_[static_cast<std::size_t>(modality)];
      choices.push_back({(choices.empty() ? 0 : choices.back().up_to) + options.weight, family, options});
    }
  }
}

std::vector<double> PatternDraw::ranks(const PatternPlaces& places, std::int64_t modality) const {
  const std::vector<Choice>& choices = choices_.at(static_cast<std::size_t>(modality));
  const double drawn = places.modality_key.fold("pattern").uniform(0) * choices.back().up_to;
  std::size_t chosen = 0;
  while (chosen + 1 < choices.size() && drawn >= choices[chosen].up_to) ++chosen;
  return choices[chosen].ranks(places, choices[chosen].options);
}

}  // namespace palimpsest
