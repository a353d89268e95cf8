#include "datasets/prepare/catalogue.h"

#include "datasets/prepare/likeness.h"
#include "datasets/prepare/measures.h"

namespace palimpsest {

std::vector<CatalogueEntry> filter_catalogue() {
  std::vector<CatalogueEntry> entries;
  for (const auto* kind : {&text_measures(), &image_measures(), &audio_measures()}) {
    for (const Measure& measure : *kind)
      entries.push_back({"filters", measure.name, std::string(measure.kind) + ": " + measure.line, measure.paper});
  }
  for (const LikenessKind& kind : likeness_kinds()) entries.push_back({"duplicates", kind.name, kind.line, kind.paper});
  entries.push_back(
      {"caps", "", "no more than `max` of a group are kept, by an expression on the key or a meta field", ""});
  return entries;
}

}  // namespace palimpsest
