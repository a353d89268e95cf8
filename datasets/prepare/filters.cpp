#include "datasets/prepare/filters.h"

#include <cmath>

namespace palimpsest {

void FilterOptions::validate() const {
  const Measure& found = find_measure(measure);
  if (role.empty() && std::string_view(found.kind) != "text")
    throw InputError("", "role", "must be given: " + measure + " reads " + found.kind);
  if (!(min <= max)) throw InputError("", "min", "must not be above max");
  if (std::isinf(min) && std::isinf(max)) throw InputError("", "min", "min or max is needed");
  found.make(of);
}

Filters::Filters(const std::map<std::string, FilterOptions>& options) {
  for (const auto& [name, filter] : options)
    filters_.emplace(name, Filter{filter, find_measure(filter.measure).make(filter.of)});
}

void Filters::judge(ReadResult& result) const {
  const auto judged_before = result.judged;
  result.judged.insert("");
  for (const auto& [role, media] : result.sample.roles) result.judged.insert(role);
  for (const auto& [name, filter] : filters_) {
    const std::string& role = filter.options.role;
    const auto media = result.sample.roles.find(role);
    if (judged_before.contains(role) || (!role.empty() && media == result.sample.roles.end())) continue;
    const double value = filter.measure(role.empty() ? Media(Text{result.sample.key}) : media->second);
    if (value >= filter.options.min && value <= filter.options.max) continue;
    result.refusal = {name, value};
    return;
  }
}

}  // namespace palimpsest
