#include "experiments/evaluation/metric.h"

#include <iomanip>
#include <sstream>

#include "base/files.h"

namespace palimpsest {

namespace {

nlohmann::json optional_json(const std::optional<double>& value) { return value ? nlohmann::json(*value) : nullptr; }

std::optional<double> optional_double(const nlohmann::json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

std::vector<std::string> table_cells(const MetricRow& row) {
  const auto figure = [&](const std::optional<double>& value) {
    return value ? format_figure(*value, row.unit) : std::string("-");
  };
  const std::string range =
      format_figure(row.interval.low, row.unit) + " .. " + format_figure(row.interval.high, row.unit);
  return {row.name,          row.split, figure(row.value), range, std::to_string(row.samples), figure(row.baseline),
          figure(row.chance)};
}

}  // namespace

MetricRow rate_row(std::string name, std::string split, const std::vector<bool>& hits) {
  const std::int64_t successes = std::count(hits.begin(), hits.end(), true);
  const auto trials = static_cast<std::int64_t>(hits.size());
  MetricRow row{.name = std::move(name), .split = std::move(split)};
  row.interval = wilson_interval(successes, trials);
  row.value = static_cast<double>(successes) / static_cast<double>(trials);
  row.samples = trials;
  return row;
}

MetricRow mean_row(std::string name, std::string split, Unit unit, const std::vector<double>& values) {
  const RandomKey key = RandomKey::root(0).fold("bootstrap").fold(name).fold(split);
  MetricRow row{.name = std::move(name), .split = std::move(split)};
  row.value = mean(values);
  row.interval = bootstrap_mean_interval(values, key);
  row.samples = static_cast<std::int64_t>(values.size());
  row.unit = unit;
  return row;
}

nlohmann::json to_json(const MetricRow& row) {
  return {{"name", row.name},
          {"split", row.split},
          {"value", row.value},
          {"low", row.interval.low},
          {"high", row.interval.high},
          {"samples", row.samples},
          {"unit", enum_name(row.unit)},
          {"baseline", optional_json(row.baseline)},
          {"chance", optional_json(row.chance)},
          {"note", row.note}};
}

MetricRow metric_from_json(const nlohmann::json& json, const std::string& file) {
  try {
    MetricRow row;
    row.name = json.at("name").get<std::string>();
    row.split = json.at("split").get<std::string>();
    row.value = json.at("value").get<double>();
    row.interval = {json.at("low").get<double>(), json.at("high").get<double>()};
    row.samples = json.at("samples").get<std::int64_t>();
    row.unit = parse_enum<Unit>(json.at("unit").get<std::string>(), file, "unit");
    row.baseline = optional_double(json.at("baseline"));
    row.chance = optional_double(json.at("chance"));
    row.note = json.value("note", "");
    return row;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(file, "rows", std::string("not a metric row: ") + error.what());
  }
}

std::string format_figure(double value, Unit unit) {
  std::ostringstream out;
  out << std::fixed;
  if (unit == Unit::kRate || unit == Unit::kErrorRate) {
    out << std::setprecision(1) << 100.0 * value << "%";
  } else {
    out << std::setprecision(2) << value << (unit == Unit::kDecibel ? " dB" : " bits");
  }
  return out.str();
}

std::string format_table(const std::vector<MetricRow>& rows) {
  std::vector<std::vector<std::string>> lines{
      {"metric", "split", "value", "95% interval", "samples", "baseline", "chance"}};
  for (const MetricRow& row : rows) lines.push_back(table_cells(row));
  std::vector<std::size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::ostringstream out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool words = i < 2;
      out << (words ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << line[i]
          << (i + 1 < line.size() ? "  " : "\n");
    }
  }
  return out.str();
}

void save_scores(const std::vector<MetricRow>& rows, const std::filesystem::path& path) {
  nlohmann::json json{{"rows", nlohmann::json::array()}};
  for (const MetricRow& row : rows) json["rows"].push_back(to_json(row));
  write_file_atomically(path, json.dump(2) + "\n");
}

std::vector<MetricRow> load_scores(const std::filesystem::path& path) {
  const nlohmann::json json = nlohmann::json::parse(read_file(path), nullptr, false);
  if (json.is_discarded() || !json.contains("rows") || !json["rows"].is_array()) {
    throw InputError(path.string(), "rows", "must be JSON with a list of metric rows");
  }
  std::vector<MetricRow> rows;
  for (const auto& row : json["rows"]) rows.push_back(metric_from_json(row, path.string()));
  return rows;
}

}  // namespace palimpsest
