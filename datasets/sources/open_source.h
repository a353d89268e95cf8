// A data set's split as one source: files, split, speech.
#pragma once

#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"
#include "datasets/sources/split_source.h"

namespace palimpsest {

// The samples of a split with the named roles (all when empty), less those that are `done`, whose files are not even
// decoded. InputError: unknown split or role (nearest suggested), a source that is not there, a missing speech program.
std::unique_ptr<Source> open_source(const DataOptions& data, const std::string& split,
                                    const std::vector<std::string>& roles = {}, const SkippedKeys& done = {});

}  // namespace palimpsest
