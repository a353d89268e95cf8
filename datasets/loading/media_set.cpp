#include "datasets/loading/media_set.h"

#include <iostream>

#include "base/interrupt.h"
#include "base/progress.h"
#include "datasets/sources/open_source.h"

namespace palimpsest {

std::vector<Sample> load_media_set(const DataOptions& data, const std::string& split,
                                   const std::vector<std::string>& roles) {
  auto source = open_source(data, split, roles);
  Progress progress("reading " + split, 0, "samples");
  std::vector<Sample> samples;
  std::int64_t unreadable = 0;
  std::string first_error;
  while (auto result = source->next()) {
    stop_if_interrupted();
    if (result->error.empty()) {
      samples.push_back(std::move(result->sample));
    } else if (unreadable++ == 0) {
      first_error = result->error;
    }
    progress.update(static_cast<std::int64_t>(samples.size()));
  }
  progress.finish();
  if (unreadable > 0) {
    std::cerr << data.source << ": " << unreadable << " samples of " << split << " left out; the first: " << first_error
              << "\n";
  }
  if (samples.empty()) throw InputError(data.source, split, "has no readable sample");
  return samples;
}

}  // namespace palimpsest
