#include "datasets/prepare/stage_meter.h"

#include "base/progress.h"

namespace palimpsest {

namespace {

constexpr std::array<const char*, 4> kDone{"read", "filtered", "tokenized", "written"};

}  // namespace

void StageMeter::add(Stage stage, std::int64_t samples, double seconds) {
  Count& count = counts_.at(static_cast<std::size_t>(stage));
  count.samples += samples;
  count.nanoseconds += static_cast<std::int64_t>(seconds * 1e9);
}

std::string StageMeter::line() const {
  std::string text;
  for (std::size_t stage = 0; stage < counts_.size(); ++stage) {
    const auto samples = static_cast<double>(counts_[stage].samples);
    const double seconds = static_cast<double>(counts_[stage].nanoseconds) * 1e-9;
    text += std::string(stage == 0 ? "" : ", ") + kDone[stage] + " " + human_count(samples);
    if (seconds > 0.0) text += " (" + human_count(samples / seconds) + "/s)";
  }
  return text;
}

}  // namespace palimpsest
