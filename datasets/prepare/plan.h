// What a preparation would do, and how long it would take, found out on a few of its samples.
#pragma once

#include "datasets/prepare/prepare.h"

namespace palimpsest {

inline constexpr std::int64_t kProbedSamples = 200;         // of each split, that are tried
inline constexpr std::int64_t kCountedSamples = 1'000'000;  // that are counted at most

// Writes nothing. Every check that needs no sample; and for each split what is there already, how many samples there
// are
// (`counted` says so when there may be more), what became of the first ones, their rate on one worker, their tokens,
// and from these the bytes and seconds of all.
nlohmann::json plan_preparation(const PrepareOptions& options, const std::filesystem::path& directory,
                                const PrepareRun& run = {});

}  // namespace palimpsest
