// The catalogue of the sampler's policies: one line and one paper each, in one place.
#pragma once

#include <string>
#include <vector>

namespace palimpsest {

struct SamplerEntry {
  std::string group;  // the key of [sampler] that takes the name, such as `unmask`; for numbers the key itself
  std::string name;   // its value; for numbers empty
  std::string line;   // what it chooses
  std::string paper;  // where it comes from; empty where it is the plain way
};

// Every value of every enum of SamplerOptions, and every number that is a method, in the order of the options.
std::vector<SamplerEntry> sampler_catalogue();

}  // namespace palimpsest
