#include "experiments/cli/guidance_facts.h"

#define FMT_HEADER_ONLY  // LibTorch brings the headers of fmt without its library
#include <fmt/format.h>

#include <set>

namespace palimpsest {

std::map<std::string, double> guidance_by_role(const SamplerOptions& sampler, const Query& query) {
  std::map<std::string, double> weights;
  for (const auto& [role, media] : query.given) {
    if (!query.holes.count(role)) weights[role] = sampler.guidance_of(role);
  }
  return weights;
}

std::string guidance_text(const SamplerOptions& sampler, const CanvasSchema& schema) {
  std::set<double> weights;
  std::string by_role;
  for (const Role& role : schema.roles()) {
    const double weight = sampler.guidance_of(role.name);
    weights.insert(weight);
    by_role += fmt::format("{}{:g} by {}", by_role.empty() ? "" : ", ", weight, role.name);
  }
  return "guidance " + (weights.size() == 1 ? fmt::format("{:g}", *weights.begin()) : by_role);
}

}  // namespace palimpsest
