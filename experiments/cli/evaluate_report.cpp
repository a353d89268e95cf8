#include "experiments/cli/evaluate_report.h"

#define FMT_HEADER_ONLY  // LibTorch brings the headers of fmt without its library
#include <fmt/format.h>

#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "experiments/evaluation/showcase.h"
#include "experiments/report/loss_log.h"
#include "experiments/report/report.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kFilms = 2;

nlohmann::json state_of(const Model& model) {
  const auto path = model.directory / "state.json";
  if (!std::filesystem::exists(path)) return nlohmann::json::object();
  return nlohmann::json::parse(read_file(path));
}

std::string spelled(const toml::node_view<const toml::node> node) {
  std::ostringstream out;
  if (node.node()) out << node;
  return out.str();
}

std::vector<std::pair<std::string, std::string>> facts_of(const ReportSubject& subject) {
  const Model& model = subject.context->model;
  const nlohmann::json state = state_of(model);
  const toml::table& recipe = model.recipe.table;
  const auto training = [&](const char* key) { return spelled(recipe["training"][key]); };
  std::vector<std::pair<std::string, std::string>> facts{
      {"checkpoint", model.directory.string()},
      {"parameters", human_count(static_cast<double>(model.denoiser->parameters().count()))},
      {"backbone", fmt::format("{} layers of width {}", spelled(recipe["backbone"]["layers"]),
                               spelled(recipe["backbone"]["width"]))},
      {"training",
       fmt::format("{} steps of {} samples, {}", state.value("step", 0), training("batch"), training("optimizer"))},
      {"time spent training", human_seconds(state.value("seconds", 0.0))},
      {"positions of a canvas", std::to_string(model.schema.length())},
      {"vocabulary", std::to_string(model.schema.vocabulary().size())},
      {"sampler",
       fmt::format("{} steps, guidance {:g}", subject.context->sampler.steps, subject.context->sampler.guidance)}};
  return facts;
}

// A run's log lies in the run; a shipped checkpoint carries its own.
std::filesystem::path log_of(const Model& model) {
  for (const auto& folder : {model.directory, model.directory.parent_path().parent_path()}) {
    if (std::filesystem::exists(folder / "log.jsonl")) return folder / "log.jsonl";
  }
  return {};
}

void add_curves(Report& report, const ReportSubject& subject) {
  const std::filesystem::path log = log_of(subject.context->model);
  if (log.empty()) return;
  const LossCurves curves = read_loss_curves(log);
  std::vector<std::string> plots;
  if (!curves.training.empty()) {
    plots.push_back(
        line_plot({.title = "Training loss by modality", .x_label = "step", .y_label = "nats/token"}, curves.training));
  }
  std::map<std::string, std::vector<Series>> by_split;
  for (const Series& series : curves.validation) {
    const std::size_t slash = series.name.find('/');
    if (slash == std::string::npos || series.points.size() < 2) continue;
    by_split[series.name.substr(0, slash)].push_back({series.name.substr(slash + 1), series.points});
  }
  for (const auto& [split, series] : by_split) {
    plots.push_back(line_plot({.title = "Held out: " + split, .x_label = "step", .y_label = "nats/token"}, series));
  }
  if (!plots.empty()) report.plots(plots);
}

std::string role_label(const std::string& verb, const std::string& role) { return verb + " " + role; }

Card card_of(const Exhibit::Item& item) {
  Card card;
  for (const auto& [role, media] : item.given) card.panels.push_back({role_label("given", role), media});
  for (const auto& [role, media] : item.made) card.panels.push_back({role_label("made", role), media});
  for (const auto& [role, media] : item.truth) card.panels.push_back({role_label("true", role), media});
  return card;
}

void add_exhibit(Report& report, const std::string& title, const Exhibit& exhibit) {
  report.section(title);
  std::vector<Card> cards;
  for (const Exhibit::Item& item : exhibit.items) cards.push_back(card_of(item));
  report.gallery(cards);
  if (!exhibit.film) return;
  std::vector<std::string> labels;
  for (const std::int64_t step : exhibit.film->steps) labels.push_back(fmt::format("step {}", step));
  report.strip(exhibit.film->pictures, labels,
               "How the first of them were written, step by step; grey is not yet written.");
}

std::string file_name(const std::string& title) {
  std::string name;
  for (const char letter : title)
    name += letter == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return name;
}

void add_scores(Report& report, const std::vector<ReportSubject>& subjects) {
  report.chapter(
      "Scores",
      "Measured on held-out material. The bar shows the rate, the black tick chance. A baseline copies from the "
      "nearest training sample and has learned nothing.");
  std::vector<ScoreSheet> sheets;
  for (const ReportSubject& subject : subjects) {
    sheets.push_back({subject.title + (subject.stored ? " (stored figures)" : ""), subject.scores});
  }
  report.scores(sheets);
}

// Every task that any subject can do, once.
std::vector<Show> all_shows(const std::vector<ReportSubject>& subjects) {
  std::vector<Show> shows;
  for (const ReportSubject& subject : subjects) {
    for (const Show& show : standard_shows(*subject.context)) {
      const bool known =
          std::any_of(shows.begin(), shows.end(), [&](const Show& seen) { return seen.name == show.name; });
      if (!known) shows.push_back(show);
    }
  }
  return shows;
}

std::int64_t add_exhibits(Report& report, const ReportRequest& request, const std::vector<ReportSubject>& subjects) {
  const auto shows = all_shows(subjects);
  Progress progress("generating", static_cast<std::int64_t>(shows.size()), "task");
  std::int64_t done = 0, files = 0;
  for (const Show& show : shows) {
    progress.update(done++, show.name);
    report.chapter(show.title);
    for (const ReportSubject& subject : subjects) {
      stop_if_interrupted();
      const Exhibit exhibit = make_exhibit(*subject.context, show, request.items, std::min(kFilms, request.items));
      add_exhibit(report, subject.title, exhibit);
      if (!request.samples.empty()) {
        files += write_exhibit(exhibit, std::filesystem::path(request.samples) / file_name(subject.title));
      }
    }
  }
  progress.finish();
  return files;
}

}  // namespace

void write_report(const ReportRequest& request, const std::vector<ReportSubject>& subjects) {
  Report report("Palimpsest",
                "One network that rewrites a page of text, picture and sound. Everything below was made from material "
                "that training never saw.");
  report.chapter("What was trained");
  for (const ReportSubject& subject : subjects) {
    report.section(subject.title);
    report.facts(facts_of(subject));
    add_curves(report, subject);
  }
  add_scores(report, subjects);
  const std::int64_t files = add_exhibits(report, request, subjects);
  write_file_atomically(request.path, report.html());
  std::cerr << "report: " << request.path << "\n";
  if (files > 0) std::cerr << "samples: " << files << " files under " << request.samples << "\n";
}

}  // namespace palimpsest
