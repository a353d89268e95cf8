#include "datasets/prepare/measures.h"

#include "base/errors.h"

namespace palimpsest {

namespace {

std::vector<const Measure*> all_measures() {
  std::vector<const Measure*> all;
  for (const auto* kind : {&text_measures(), &image_measures(), &audio_measures()}) {
    for (const Measure& measure : *kind) all.push_back(&measure);
  }
  return all;
}

}  // namespace

std::vector<std::string> measure_names() {
  std::vector<std::string> names;
  for (const Measure* measure : all_measures()) names.emplace_back(measure->name);
  return names;
}

const Measure& find_measure(const std::string& name) {
  for (const Measure* measure : all_measures()) {
    if (measure->name == name) return *measure;
  }
  const std::string what = name.empty() ? "must be given" : "unknown value '" + name + "'";
  throw InputError("", "measure", what + suggest(name, measure_names()));
}

void refuse_argument(const std::string& of) {
  if (!of.empty()) throw InputError("", "of", "the measure takes nothing beside its name, got '" + of + "'");
}

}  // namespace palimpsest
