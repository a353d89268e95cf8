// Filters: a measure of one role and the bounds that it must keep.
#pragma once

#include <limits>
#include <map>
#include <string>

#include "base/options.h"
#include "datasets/prepare/measures.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// [filters.NAME]; the ledger calls what it refuses by NAME.
struct FilterOptions {
  std::string role;     // what is measured; empty: the sample's key, as a text
  std::string measure;  // inspect --filters lists them
  std::string of;       // what some measures ask beside
  double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("role", self.role, "the role that is measured, empty for the sample's key");
    visitor("measure", self.measure, "what is measured: see 'palimpsest inspect --filters'");
    visitor("of", self.of, "what the measure asks beside its name: a script, a file, a number");
    visitor("min", self.min, "least value that is kept");
    visitor("max", self.max, "greatest value that is kept");
  }
  void validate() const;
};

// All filters of a recipe. Pure: what becomes of a sample hangs on nothing else.
class Filters {
 public:
  explicit Filters(const std::map<std::string, FilterOptions>& options);

  // Measures the roles that are there and were not judged before, in the order of the filters' names; the first bound
  // that does not hold is the result's refusal. A role that the sample lacks is not measured.
  void judge(ReadResult& result) const;

 private:
  struct Filter {
    FilterOptions options;
    MeasureFunction measure;
  };
  std::map<std::string, Filter> filters_;
};

}  // namespace palimpsest
