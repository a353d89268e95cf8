#include "experiments/training/options.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

namespace palimpsest {

namespace {

void require(bool holds, const char* key, const char* rule) {
  if (!holds) throw InputError("", key, rule);
}

// Factor of a unit, lower case, without its "b"; 0 when there is no such unit.
double unit_factor(const std::string& unit) {
  constexpr std::string_view kPrefixes = "kmgt";
  if (unit.empty()) return 1;
  const std::size_t power = kPrefixes.find(unit[0]);
  if (power == std::string_view::npos || (unit.size() > 1 && unit.substr(1) != "i")) return 0;
  return std::pow(unit.size() > 1 ? 1024.0 : 1000.0, static_cast<double>(power + 1));
}

}  // namespace

std::int64_t parse_bytes(const std::string& text, const char* key) {
  const auto refuse = [&] { throw InputError("", key, "must be bytes, such as '16GB', got '" + text + "'"); };
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 1 || !std::isfinite(number)) refuse();
  std::string unit(static_cast<const char*>(end), text.data() + text.size());
  unit.erase(0, unit.find_first_not_of(' '));
  for (char& letter : unit) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  if (unit.ends_with('b')) unit.pop_back();
  const double bytes = number * unit_factor(unit);
  if (bytes < 1 || bytes > 1e18) refuse();
  return static_cast<std::int64_t>(bytes);
}

std::int64_t TrainingOptions::budget_bytes() const {
  return memory_budget.empty() ? 0 : parse_bytes(memory_budget, "memory_budget");
}

void TrainingOptions::validate() const {
  require(steps >= 1, "steps", "must be at least 1");
  require(batch >= 1, "batch", "must be at least 1");
  require(micro_batches >= 1 && batch % micro_batches == 0, "micro_batches", "must divide batch");
  budget_bytes();
  require(learning_rate > 0, "learning_rate", "must be above 0");
  require(muon_learning_rate > 0, "muon_learning_rate", "must be above 0");
  require(muon_momentum >= 0 && muon_momentum < 1, "muon_momentum", "must be in [0, 1)");
  require(weight_decay >= 0, "weight_decay", "must not be negative");
  require(beta1 >= 0 && beta1 < 1, "beta1", "must be in [0, 1)");
  require(beta2 >= 0 && beta2 < 1, "beta2", "must be in [0, 1)");
  require(epsilon > 0, "epsilon", "must be above 0");
  require(warmup_steps >= 0 && warmup_steps <= steps, "warmup_steps", "must be between 0 and steps");
  require(decay_share >= 0 && decay_share <= 1, "decay_share", "must be in [0, 1]");
  require(final_rate >= 0 && final_rate <= 1, "final_rate", "must be in [0, 1]");
  require(clip >= 0, "clip", "must not be negative");
  require(ema >= 0 && ema < 1, "ema", "must be in [0, 1)");
  require(checkpoint_every >= 1, "checkpoint_every", "must be at least 1");
  require(keep >= 1, "keep", "must be at least 1");
  require(keep_every >= 0, "keep_every", "must not be negative");
  require(give_up_after >= 1, "give_up_after", "must be at least 1");
  require(validate_every >= 0, "validate_every", "must not be negative");
  require(log_every >= 1, "log_every", "must be at least 1");
  require(sample_every >= 0, "sample_every", "must not be negative");
  require(sample_count >= 1, "sample_count", "must be at least 1");
  require(energy_price >= 0, "energy_price", "must not be negative");
  require(seed >= 0, "seed", "must not be negative");
}

}  // namespace palimpsest
