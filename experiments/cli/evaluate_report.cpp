#include "experiments/cli/evaluate_report.h"

#define FMT_HEADER_ONLY  // LibTorch brings the headers of fmt without its library
#include <fmt/format.h>

#include <iostream>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "experiments/cli/guidance_facts.h"
#include "experiments/evaluation/exhibit_files.h"
#include "experiments/report/loss_log.h"
#include "experiments/report/report.h"
#include "experiments/report/task_chapter.h"

namespace palimpsest {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kFilms = 2;

nlohmann::json state_of(const Model& model) {
  const auto path = model.directory / "state.json";
  if (!fs::exists(path)) return nlohmann::json::object();
  return nlohmann::json::parse(read_file(path));
}

std::vector<std::pair<std::string, std::string>> facts_of(const ReportSubject& subject) {
  const Model& model = subject.context->model;
  const nlohmann::json state = state_of(model);
  const toml::table& recipe = model.recipe.table;
  const auto training = [&](const char* key) { return recipe_text(recipe["training"][key]); };
  std::vector<std::pair<std::string, std::string>> facts{
      {"checkpoint", model.directory.string()},
      {"parameters", human_count(static_cast<double>(model.denoiser->parameters().count()))},
      {"backbone", fmt::format("{} layers of width {}", recipe_text(recipe["backbone"]["layers"]),
                               recipe_text(recipe["backbone"]["width"]))},
      {"training",
       fmt::format("{} steps of {} samples, {}", state.value("step", 0), training("batch"), training("optimizer"))},
      {"time spent training", human_seconds(state.value("seconds", 0.0))},
      {"canvas", fmt::format("{} positions, {} ids", model.schema.length(), model.schema.vocabulary().size())},
      {"number type", state.value("compute", std::string("?"))},
      {"sampler", fmt::format("{} steps, {}", subject.context->sampler.steps,
                              guidance_text(subject.context->sampler, model.schema))}};
  return facts;
}

// A run's log lies in the run; a shipped checkpoint carries its own.
fs::path log_of(const Model& model) {
  for (const auto& folder : {model.directory, model.directory.parent_path().parent_path()}) {
    if (fs::exists(folder / "log.jsonl")) return folder / "log.jsonl";
  }
  return {};
}

void add_curves(Report& report, const ReportSubject& subject) {
  const fs::path log = log_of(subject.context->model);
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

void add_scores(Report& report, const std::vector<ReportSubject>& subjects) {
  report.chapter("Scores",
                 "Measured on held-out material, with 95% intervals and the number n of samples. The bar shows the "
                 "rate, the black "
                 "tick chance. A baseline copies from the nearest training sample and has learned nothing. Stored "
                 "figures are those "
                 "that the checkpoint came with; all others were measured now.");
  std::vector<ScoreSheet> sheets;
  for (const ReportSubject& subject : subjects) {
    sheets.push_back({subject.title + (subject.stored ? " (stored figures)" : ""), subject.scores});
  }
  report.scores(sheets);
}

bool can_do(const ReportSubject& subject, const Show& show) {
  const auto own = standard_shows(*subject.context);
  return std::any_of(own.begin(), own.end(), [&](const Show& one) { return one.name == show.name; });
}

// What an interrupted or earlier report left in the samples' folder is not made again.
Exhibit exhibit_of(const ReportSubject& subject, const Show& show, const ReportRequest& request) {
  const std::int64_t films = std::min(kFilms, request.items);
  nlohmann::json settings = subject.identity;
  settings.update({{"items", request.items}, {"films", films}, {"seed", subject.context->seed}});
  const ExhibitPlace place{fs::path(request.samples) / subject.name, settings};
  if (!request.samples.empty()) {
    if (auto kept = read_exhibit(show, place)) return std::move(*kept);
  }
  Exhibit exhibit = make_exhibit(*subject.context, show, request.items, films);
  if (!request.samples.empty()) write_exhibit(exhibit, place);
  return exhibit;
}

// How many media of each kind were made.
using Tally = std::map<std::string_view, std::int64_t>;

void count(Tally& tally, const Exhibit& exhibit) {
  for (const Exhibit::Item& item : exhibit.items) {
    for (const auto& [role, media] : item.made) ++tally[media_kind(media)];
  }
}

Tally add_exhibits(Report& report, const ReportRequest& request, const std::vector<ReportSubject>& subjects,
                   const std::vector<Show>& shows) {
  Progress progress("generating", static_cast<std::int64_t>(shows.size()), "task");
  std::int64_t done = 0;
  Tally tally;
  for (const Show& show : shows) {
    std::vector<Answer> answers;
    for (const ReportSubject& subject : subjects) {
      if (!can_do(subject, show)) continue;
      progress.update(done, show.name + ", " + subject.name);
      stop_if_interrupted();
      answers.push_back({subject.title, exhibit_of(subject, show, request)});
      count(tally, answers.back().exhibit);
    }
    add_task_chapter(report, answers);
    ++done;
  }
  progress.update(done);
  progress.finish();
  return tally;
}

// The three lines that end it.
void say_what_was_made(const ReportRequest& request, const ReportSubject& subject, Tally tally) {
  const nlohmann::json state = state_of(subject.context->model);
  std::cerr << fmt::format("trained  {}: {} steps in {}\n", subject.context->model.directory.string(),
                           state.value("step", 0), human_seconds(state.value("seconds", 0.0)));
  std::cerr << fmt::format("made     {} pictures, {} sounds and {} texts for held-out material{}\n", tally["image"],
                           tally["audio"], tally["text"],
                           request.samples.empty() ? "" : ": " + request.samples + "/ (PNG, WAV, TXT)");
  std::cerr << fmt::format("report   {}: open it in a browser\n", request.path);
}

}  // namespace

std::vector<Show> asked_shows(const ReportRequest& request, const std::vector<ReportSubject>& subjects) {
  std::vector<Show> shows;
  std::vector<std::string> names;
  for (const ReportSubject& subject : subjects) {
    for (const Show& show : standard_shows(*subject.context)) {
      if (std::find(names.begin(), names.end(), show.name) != names.end()) continue;
      names.push_back(show.name);
      shows.push_back(show);
    }
  }
  const auto asked = [&](const std::string& name) {
    return request.tasks.empty() || std::find(request.tasks.begin(), request.tasks.end(), name) != request.tasks.end();
  };
  for (const std::string& name : request.tasks) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw InputError("", "--tasks", "no such task '" + name + "'" + suggest(name, names));
    }
  }
  std::erase_if(shows, [&](const Show& show) { return !asked(show.name); });
  return shows;
}

void write_report(const ReportRequest& request, const std::vector<ReportSubject>& subjects,
                  const std::vector<Show>& shows) {
  Report report("Palimpsest",
                "One network that rewrites a page of text, picture and sound. Everything below was made from material "
                "that training never saw. What is called real are held-out pictures and sounds as the tokenizers give "
                "them back: no model of these tokens can do better.");
  report.chapter("What was trained");
  for (const ReportSubject& subject : subjects) {
    report.section(subject.title);
    report.facts(facts_of(subject));
    add_curves(report, subject);
  }
  add_scores(report, subjects);
  const Tally tally = add_exhibits(report, request, subjects, shows);
  write_file_atomically(request.path, report.html());
  say_what_was_made(request, subjects.front(), tally);
}

}  // namespace palimpsest
