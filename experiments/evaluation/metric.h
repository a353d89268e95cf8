// A metric: one measured figure with its interval, and what it is to be held against.
#pragma once

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/options.h"
#include "experiments/evaluation/stats.h"

namespace palimpsest {

enum class Unit { kRate, kDecibel, kBits, kErrorRate };
constexpr auto enum_names(Unit) {
  return std::array{std::pair{Unit::kRate, "rate"}, std::pair{Unit::kDecibel, "dB"},
                    std::pair{Unit::kBits, "bits/token"}, std::pair{Unit::kErrorRate, "error rate"}};
}

struct MetricRow {
  std::string name;   // "caption for a picture"
  std::string split;  // of the held-out data
  double value = 0;
  Interval interval{};  // 95%
  std::int64_t samples = 0;
  Unit unit = Unit::kRate;
  std::optional<double> baseline{};  // of something that was not learned; what it is stands in `note`
  std::optional<double> chance{};    // of guessing
  std::string note{};                // how it was measured
};

// A rate with Wilson's interval; a mean with the bootstrap's.
MetricRow rate_row(std::string name, std::string split, const std::vector<bool>& hits);
MetricRow mean_row(std::string name, std::string split, Unit unit, const std::vector<double>& values);

nlohmann::json to_json(const MetricRow& row);
// InputError naming `file` for JSON that is not a metric row.
MetricRow metric_from_json(const nlohmann::json& json, const std::string& file);

// "41.7%", "18.25 dB": a figure for people.
std::string format_figure(double value, Unit unit);
// A table with one line a row, columns aligned.
std::string format_table(const std::vector<MetricRow>& rows);

// scores.json: {"rows": [...]} written whole; read back by load_scores (InputError when missing or malformed).
void save_scores(const std::vector<MetricRow>& rows, const std::filesystem::path& path);
std::vector<MetricRow> load_scores(const std::filesystem::path& path);

}  // namespace palimpsest
