#include "datasets/loading/media_set.h"

#include <ATen/Parallel.h>

#include <iostream>

#include "base/interrupt.h"
#include "base/ordered_tasks.h"
#include "base/progress.h"
#include "datasets/sources/open_source.h"

namespace palimpsest {

namespace {

constexpr std::size_t kAhead = 64;  // samples being decoded or spoken while others are waited for

// Gives the next sample to the workers; false at the end.
bool read_ahead(Source& source, OrderedTasks<ReadResult>& reading) {
  auto result = source.next();
  if (!result) return false;
  reading.give([shared = std::make_shared<ReadResult>(std::move(*result))] {
    finish(*shared);
    return std::move(*shared);
  });
  return true;
}

}  // namespace

std::vector<Sample> load_media_set(const DataOptions& data, const std::string& split,
                                   const std::vector<std::string>& roles) {
  auto source = open_source(data, split, roles);
  Progress progress("reading " + split, 0, "samples");
  std::vector<Sample> samples;
  std::int64_t unreadable = 0;
  std::string first_error;
  OrderedTasks<ReadResult> reading(std::max<std::int64_t>(at::get_num_threads(), data.speech.processes));
  while (true) {
    while (reading.pending() < kAhead && read_ahead(*source, reading)) {
    }
    if (reading.pending() == 0) break;
    ReadResult result = reading.take();
    stop_if_interrupted();
    if (result.error.empty()) {
      samples.push_back(std::move(result.sample));
    } else if (unreadable++ == 0) {
      first_error = result.error;
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
