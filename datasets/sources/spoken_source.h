// A role that is spoken: text of one role made sound of another.
#pragma once

#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"

namespace palimpsest {

struct SpokenRole {
  std::string text, speech;           // role read, role made
  std::int64_t sample_rate = 16'000;  // Hz
  std::vector<std::string> voices;    // one a sample, drawn by its key; meta["voice"] names it
};

// Adds to every sample the step that speaks its text role, at most `processes` of them at once.
std::unique_ptr<Source> spoken_source(std::unique_ptr<Source> samples, SpokenRole role, const SpeechOptions& options);

// The voice that speaks the sample.
const std::string& voice_of(const std::string& key, const std::vector<std::string>& voices);

}  // namespace palimpsest
