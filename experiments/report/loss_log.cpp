#include "experiments/report/loss_log.h"

#include <array>
#include <set>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

// What a line says besides the losses of the modalities.
const std::set<std::string>& other_figures() {
  static const std::set<std::string> names{
      "step",   "skipped",    "seconds",          "loss", "gradient_norm", "learning_rate", "save_stall_seconds",
      "joules", "gpu_joules", "sent_bytes_a_step"};
  return names;
}

constexpr std::array<std::pair<const char*, const char*>, 3> kCourse{
    {{"loss", "Loss"}, {"learning_rate", "Learning rate"}, {"gradient_norm", "Norm of the gradient"}}};

using Points = std::map<std::string, std::vector<std::pair<double, double>>>;

void add_figures(Points& points, double step, const nlohmann::json& figures) {
  for (const auto& [name, value] : figures.items()) {
    if (value.is_number() && !other_figures().contains(name)) points[name].emplace_back(step, value.get<double>());
  }
}

std::vector<Series> series_of(Points points) {
  std::vector<Series> all;
  for (auto& [name, values] : points) all.push_back({name, std::move(values)});
  return all;
}

}  // namespace

LossCurves read_loss_curves(const std::filesystem::path& log) {
  const std::string text = read_file(log);
  std::istringstream lines(text);
  Points training, validation, course;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() && lines.eof()) break;  // the run ended in the middle of it
    if (!json.is_object() || !json.contains("step"))
      throw InputError(log.string(), "", "not a line of a run's log: " + line);
    const double step = json["step"].get<double>();
    if (json.contains("validation")) add_figures(validation, step, json["validation"]);
    add_figures(training, step, json);
    for (const auto& [name, title] : kCourse) {
      if (json.contains(name) && json[name].is_number()) course[title].emplace_back(step, json[name].get<double>());
    }
  }
  return {series_of(std::move(training)), series_of(std::move(validation)), series_of(std::move(course))};
}

}  // namespace palimpsest
