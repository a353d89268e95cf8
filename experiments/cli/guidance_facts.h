// The guidance that holds, as commands tell it: a role may have a weight of its own.
#pragma once

#include <map>
#include <string>

#include "pipelines/queries/query.h"
#include "pipelines/sampling/options.h"

namespace palimpsest {

// Weights in u + w(c - u) of the roles that the query gives whole; roles with a hole guide nothing.
std::map<std::string, double> guidance_by_role(const SamplerOptions& sampler, const Query& query);

// "guidance 3", or, where the roles of the schema differ, "guidance 3 by caption, 1 by picture".
std::string guidance_text(const SamplerOptions& sampler, const CanvasSchema& schema);

}  // namespace palimpsest
