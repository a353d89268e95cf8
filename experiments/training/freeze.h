// Parameters that training leaves as they are, told by name.
#pragma once

#include <string>
#include <vector>

#include "base/parameters.h"

namespace palimpsest {

// Does a pattern mean the name? `*` stands for any letters; a pattern also means all that lies under it:
// "blocks.0" means blocks.0.attention.qkv.weight.
bool name_matches(const std::string& name, const std::string& pattern);

// No gradient is kept for parameters that some pattern means. InputError (key training.freeze): a pattern that means
// nothing (nearest name suggested), and patterns that leave nothing to train.
void freeze(ParameterSet& parameters, const std::vector<std::string>& patterns, const std::string& file);

// Scalars that training changes.
std::int64_t trainable_count(const ParameterSet& parameters);

}  // namespace palimpsest
