#include "datasets/sources/source.h"

namespace palimpsest {

void finish(ReadResult& result) {
  const auto steps = std::exchange(result.steps, {});
  for (const auto& step : steps) {
    if (!result.fine()) return;
    step(result);
  }
}

}  // namespace palimpsest
