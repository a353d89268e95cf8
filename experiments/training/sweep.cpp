#include "experiments/training/sweep.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// Parts at commas that lie in no quotes and no brackets.
std::vector<std::string> parted(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = 0;
  for (const char letter : text) {
    if (quote == 0 && depth == 0 && letter == ',') {
      parts.emplace_back();
      continue;
    }
    parts.back().push_back(letter);
    if (quote != 0) {
      if (letter == quote) quote = 0;
    } else if (letter == '"' || letter == '\'') {
      quote = letter;
    } else {
      depth += (letter == '[' || letter == '{') - (letter == ']' || letter == '}');
    }
  }
  return parts;
}

// A value as part of a directory's name.
std::string plain(std::string value) {
  for (char& letter : value) {
    if (letter == '/' || letter == ' ') letter = '_';
  }
  return value;
}

// The last figures that the run's log holds.
nlohmann::json last_figures(const fs::path& run) {
  std::istringstream lines(read_file(run / "log.jsonl"));
  nlohmann::json last = nlohmann::json::object();
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) last.update(parsed);
  }
  return last;
}

nlohmann::json mean_of(const nlohmann::json& figures) {
  double sum = 0;
  for (const auto& [name, value] : figures.items()) {
    sum += value.is_number() ? value.get<double>() : std::numeric_limits<double>::infinity();  // null: not finite
  }
  return sum / static_cast<double>(figures.size());
}

nlohmann::json outcome_of(const fs::path& run) {
  const nlohmann::json last = last_figures(run);
  nlohmann::json outcome{{"run", run.string()}, {"validation", last.value("validation", nlohmann::json::object())}};
  outcome["loss"] =
      outcome["validation"].empty() ? last.value("loss", nlohmann::json()) : mean_of(outcome["validation"]);
  return outcome;
}

nlohmann::json train_one(const SweepRun& one, const TaskMakers& makers) {
  try {
    return outcome_of(train_recipe(one.request, makers));
  } catch (const c10::Error& error) {  // such as a rate that was too high; the other runs are worth as much as before
    std::cerr << one.request.run << ": " << error.what_without_backtrace() << "\n";
    return {{"run", one.request.run}, {"error", error.what_without_backtrace()}};
  }
}

std::string rounded(const nlohmann::json& number) {
  if (!number.is_number()) return "-";
  std::ostringstream out;
  out << std::setprecision(5) << number.get<double>();
  return out.str();
}

double loss_of(const nlohmann::json& run) {
  const bool known = run.contains("loss") && run["loss"].is_number();
  return known ? run["loss"].get<double>() : std::numeric_limits<double>::infinity();
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

SweepAxis parse_sweep_axis(const std::string& text) {
  const std::size_t equals = text.find('=');
  SweepAxis axis;
  if (equals != std::string::npos) axis = {text.substr(0, equals), parted(text.substr(equals + 1))};
  const auto empty = [](const std::string& value) { return value.empty(); };
  if (axis.key.empty() || std::any_of(axis.values.begin(), axis.values.end(), empty)) {
    throw InputError("command line", "--sweep", "is written table.key=value,value,..., got '" + text + "'");
  }
  return axis;
}

std::vector<SweepRun> sweep_runs(const TrainRequest& request, const std::vector<SweepAxis>& axes) {
  std::vector<SweepRun> runs{{request, {}}};
  std::vector<std::string> names(1);
  for (const SweepAxis& axis : axes) {
    std::vector<SweepRun> more;
    std::vector<std::string> more_names;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      for (const std::string& value : axis.values) {
        more.push_back(runs[i]);
        more.back().request.overrides.push_back(axis.key + "=" + value);
        more.back().values.push_back(value);
        more_names.push_back(names[i] + (names[i].empty() ? "" : ",") + axis.key + "=" + plain(value));
      }
    }
    runs = std::move(more);
    names = std::move(more_names);
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].request.run = (run_directory(request) / "sweep" / names[i]).string();
  }
  return runs;
}

nlohmann::json run_sweep(const TrainRequest& request, const std::vector<SweepAxis>& axes, const TaskMakers& makers) {
  const std::vector<SweepRun> runs = sweep_runs(request, axes);
  for (const SweepRun& one : runs) load_training_recipe(one.request);  // a typo shows before the first hour is spent
  nlohmann::json done = nlohmann::json::array();
  std::size_t best = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::cerr << "run " << i + 1 << " of " << runs.size() << ": " << runs[i].request.run << "\n";
    nlohmann::json outcome = train_one(runs[i], makers);
    for (std::size_t axis = 0; axis < axes.size(); ++axis) outcome["values"][axes[axis].key] = runs[i].values[axis];
    done.push_back(std::move(outcome));
    if (loss_of(done.back()) < loss_of(done[best])) best = i;
  }
  const nlohmann::json sweep{{"runs", done}, {"best", best}};
  fs::create_directories(run_directory(request) / "sweep");
  write_file_atomically(run_directory(request) / "sweep" / "sweep.json", sweep.dump(1) + "\n");
  return sweep;
}

std::string sweep_table(const nlohmann::json& sweep) {
  std::vector<nlohmann::json> runs = sweep["runs"].get<std::vector<nlohmann::json>>();
  std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return loss_of(a) < loss_of(b); });
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& [key, value] : runs.front()["values"].items()) rows[0].push_back(key);
  rows[0].push_back("loss");
  const nlohmann::json figures = runs.front().value("validation", nlohmann::json::object());
  for (const auto& [name, value] : figures.items()) rows[0].push_back(name);
  for (const nlohmann::json& run : runs) {
    rows.emplace_back();
    for (const auto& [key, value] : run["values"].items()) rows.back().push_back(value.get<std::string>());
    rows.back().push_back(run.contains("error") ? "failed" : rounded(run["loss"]));
    for (const auto& [name, value] : figures.items()) {
      const auto here = run.value("validation", nlohmann::json::object());
      rows.back().push_back(here.contains(name) ? rounded(here[name]) : "-");
    }
  }
  return aligned(rows);
}

}  // namespace palimpsest
