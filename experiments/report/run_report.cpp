#include "experiments/report/run_report.h"

#include <algorithm>

#include "base/energy.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/recipe.h"
#include "experiments/report/loss_log.h"
#include "experiments/report/report.h"
#include "experiments/training/run.h"
#include "modalities/media/files.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

std::string figure_text(double value) {
  std::ostringstream out;
  out.precision(4);
  out << value;
  return out.str();
}

std::vector<std::pair<std::string, std::string>> run_facts(const fs::path& run, const toml::table& recipe) {
  const nlohmann::json state = run_summary(run);
  const auto setting = [&recipe](const char* key) { return recipe_text(recipe["training"][key]); };
  std::vector<std::pair<std::string, std::string>> facts{
      {"run", run.string()},
      {"steps", std::to_string(state.value("step", std::int64_t{0}))},
      {"batch", setting("batch")},
      {"optimizer", setting("optimizer") + ", " + setting("decay")},
      {"time spent training", human_seconds(state.value("seconds", 0.0))},
      {"of that, held up by saves", figure_text(state.value("save_stall_seconds", 0.0)) + " s"},
      {"number type", state.value("compute", std::string("?"))},
      {"steps skipped", std::to_string(state.value("skipped", std::int64_t{0}))}};
  if (state.contains("joules")) {
    const double price = recipe["training"]["energy_price"].value_or(0.0);
    std::optional<double> gpus;
    if (state.contains("gpu_joules")) gpus = state["gpu_joules"].get<double>();
    facts.emplace_back("energy", energy_text(state["joules"].get<double>(), gpus, price));
  }
  if (state.contains("sent_bytes")) {
    const double steps = static_cast<double>(std::max<std::int64_t>(1, state.value("step", std::int64_t{1})));
    facts.emplace_back("sent by the first process",
                       human_count(state["sent_bytes"].get<double>() / steps) + " bytes a step");
  }
  const nlohmann::json validation = state.value("validation", nlohmann::json::object());
  for (const auto& [name, value] : validation.items()) {
    if (value.is_number()) facts.emplace_back(name, figure_text(value.get<double>()));
  }
  return facts;
}

// One plot a group of held-out figures: a split, or a task of it.
std::vector<std::string> validation_plots(const std::vector<Series>& all) {
  std::map<std::string, std::vector<Series>> groups;
  for (const Series& series : all) {
    const std::size_t slash = series.name.rfind('/');
    if (slash == std::string::npos || series.points.size() < 2) continue;
    groups[series.name.substr(0, slash)].push_back({series.name.substr(slash + 1), series.points});
  }
  std::vector<std::string> plots;
  for (const auto& [name, series] : groups) {
    plots.push_back(line_plot({.title = "Held out: " + name, .x_label = "step", .y_label = "nats/token"}, series));
  }
  return plots;
}

void add_run_curves(Report& report, const fs::path& log) {
  const LossCurves curves = read_loss_curves(log);
  std::vector<std::string> plots;
  const auto plot = [&plots](const std::string& title, const std::string& unit, const std::vector<Series>& series) {
    if (!series.empty()) plots.push_back(line_plot({.title = title, .x_label = "step", .y_label = unit}, series));
  };
  plot("Training loss by modality", "nats/token", curves.training);
  for (const Series& series : curves.course) plot(series.name, "", {series});
  for (std::string& svg : validation_plots(curves.validation)) plots.push_back(std::move(svg));
  if (!plots.empty()) report.plots(plots);
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  if (!fs::is_directory(folder)) return entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::optional<Media> media_of(const fs::path& file) {
  const std::string ending = file.extension().string();
  if (ending == ".png") return load_media(file, {"image"});
  if (ending == ".wav") return fs::file_size(file) > 44 ? std::optional(load_media(file, {"audio"})) : std::nullopt;
  if (ending == ".txt") return load_media(file, {"text"});
  return std::nullopt;
}

// "03-made-picture.png": item 03, label "made picture".
std::vector<Card> cards_of(const fs::path& folder) {
  std::map<std::string, Card> items;
  for (const fs::path& file : sorted_entries(folder)) {
    const std::string stem = file.stem().string();
    const std::size_t dash = stem.find('-');
    if (dash == std::string::npos) continue;
    std::string label = stem.substr(dash + 1);
    std::replace(label.begin(), label.end(), '-', ' ');
    if (auto media = media_of(file)) items[stem.substr(0, dash)].panels.push_back({label, std::move(*media)});
  }
  std::vector<Card> cards;
  for (auto& [number, card] : items) cards.push_back(std::move(card));
  return cards;
}

// The same draws, look by look.
void add_progress_of_task(Report& report, const std::vector<fs::path>& looks, const std::string& task) {
  std::vector<Card> sheets;
  for (const fs::path& look : looks) {
    const fs::path sheet = look / task / "sheet.png";
    if (fs::exists(sheet)) sheets.push_back({{{look.filename().string(), *media_of(sheet)}}, ""});
  }
  if (sheets.size() > 1) report.gallery(sheets);
}

void add_run_samples(Report& report, const fs::path& run) {
  const std::vector<fs::path> looks = sorted_entries(run / "samples");
  if (looks.empty()) return;
  report.chapter("Samples", "Made with the averaged weights of " + looks.back().filename().string() +
                                ", the same draws at every look; nothing was chosen.");
  for (const fs::path& task : sorted_entries(looks.back())) {
    report.section(task.filename().string());
    if (const std::vector<Card> cards = cards_of(task); !cards.empty()) report.gallery(cards);
    add_progress_of_task(report, looks, task.filename().string());
  }
}

}  // namespace

void write_run_report(const fs::path& run) {
  const std::string recipe_file = read_file(run / "recipe.toml");
  const toml::table recipe = toml::parse(recipe_file);
  Report report(
      "Training run " + run.filename().string(),
      "How the losses fell, what the net reaches on held-out material, what it makes, and the recipe to do it "
      "again.");
  report.chapter("The run");
  report.facts(run_facts(run, recipe));
  if (fs::exists(run / "log.jsonl")) add_run_curves(report, run / "log.jsonl");
  add_run_samples(report, run);
  report.chapter("Recipe", "As resolved: palimpsest train " + (run / "recipe.toml").string() + " begins the same run.");
  report.code(recipe_file);
  write_file_atomically(run / "report.html", report.html());
}

}  // namespace palimpsest
