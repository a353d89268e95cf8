// What the sampler can be made of, for people: every choice with one line and its paper.
#pragma once

#include <string>
#include <vector>

namespace palimpsest {

struct CatalogueEntry {
  std::string option;   // key of [sampler]
  std::string name;     // value of it; "" for a number
  std::string summary;  // one line
  std::string paper;    // where it is from; "" for what is nobody's
};

// Every policy and setting there is, in the order of SamplerOptions. A new one adds its line in catalogue.cpp.
std::vector<CatalogueEntry> sampler_catalogue();

}  // namespace palimpsest
