// palimpsest evaluate: one row a metric, and the report that shows them.
#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "datasets/loading/media_set.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/evaluate_report.h"
#include "experiments/evaluation/evaluation.h"

namespace palimpsest {

namespace {

constexpr const char* kShippedScorer = "checkpoints/emoji4-scorer";

struct EvaluateCommand {
  std::string checkpoint, data, scorer, source, out;
  EvaluationOptions options;
  MachineOptions machine;
  ReportRequest report;
  bool json = false, dry_run = false;
};

// scores.json of an evaluation under way: what was measured, under which settings.
class ScoreFile {
 public:
  ScoreFile(std::filesystem::path path, nlohmann::json settings)
      : path_(std::move(path)), settings_(std::move(settings)) {
    if (path_.empty() || !std::filesystem::exists(path_)) return;
    const nlohmann::json kept = nlohmann::json::parse(read_file(path_), nullptr, false);
    if (kept.is_discarded() || kept.value("settings", nlohmann::json()) != settings_) return;
    finished_ = kept.value("finished", std::vector<std::string>{});
    rows_ = load_scores(path_);
  }

  const std::vector<std::string>& finished() const { return finished_; }
  const std::vector<MetricRow>& rows() const { return rows_; }

  void add(const std::string& metric, const std::vector<MetricRow>& rows) {
    finished_.push_back(metric);
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    if (path_.empty()) return;
    nlohmann::json json{{"settings", settings_}, {"finished", finished_}, {"rows", nlohmann::json::array()}};
    for (const MetricRow& row : rows_) json["rows"].push_back(to_json(row));
    write_file_atomically(path_, json.dump(1) + "\n");
  }

 private:
  std::filesystem::path path_;
  nlohmann::json settings_;
  std::vector<std::string> finished_;
  std::vector<MetricRow> rows_;
};

// Weights and recipe of a checkpoint.
nlohmann::json identity_of(const Model& model) {
  const auto weights = weights_of(model.directory);
  return {{"weights", hash64_hex(read_file(weights))},
          {"recipe", hash64_hex(read_file(model.directory / "recipe.toml"))}};
}

nlohmann::json settings_of(const EvaluateCommand& command, const Model& model) {
  const EvaluationOptions& options = command.options;
  nlohmann::json settings = identity_of(model);
  settings.update({{"queries", options.queries},
                   {"generated", options.generated},
                   {"times", options.times},
                   {"seed", command.machine.seed},
                   {"originals", command.source}});
  return settings;
}

// Media of a split as the source has them, read when first asked for.
Originals originals_from(const std::string& source) {
  if (source.empty()) return {};
  const auto data = recipe_options<DataOptions>(load_recipe(source, "prepare"), "data");
  auto kept = std::make_shared<std::map<std::pair<std::string, std::string>, std::map<std::string, Media>>>();
  return [data, kept](const std::string& split, const std::string& role) {
    auto& by_key = (*kept)[{split, role}];
    if (by_key.empty()) {
      for (Sample& sample : load_media_set(data, split, {role}))
        by_key.emplace(sample.key, std::move(sample.roles.at(role)));
    }
    return by_key;
  };
}

std::shared_ptr<ContrastiveScorer> scorer_of(const EvaluateCommand& command) {
  const std::string path = command.scorer.empty() ? kShippedScorer : command.scorer;
  if (command.scorer.empty() && !std::filesystem::exists(path)) {
    std::cerr << "evaluate: no scorer at " << path << ", so caption-to-picture is left out (--scorer names another)\n";
    return nullptr;
  }
  return std::make_shared<ContrastiveScorer>(load_scorer(path));
}

// What judges and compares is the same for every model.
struct Judges {
  std::shared_ptr<ContrastiveScorer> scorer;
  Originals originals;
};

EvaluationContext open_context(const EvaluateCommand& command, const Model& model, const Judges& judges) {
  EvaluationContext context =
      open_evaluation(model, command.options, command.data, static_cast<std::uint64_t>(command.machine.seed));
  context.scorer = judges.scorer;
  context.originals = judges.originals;
  return context;
}

void print_rows(const std::vector<MetricRow>& rows, bool json) {
  if (!json) {
    std::cout << format_table(rows);
    return;
  }
  nlohmann::json list = nlohmann::json::array();
  for (const MetricRow& row : rows) list.push_back(to_json(row));
  std::cout << nlohmann::json{{"rows", list}}.dump(1) << "\n";
}

void run_evaluate(EvaluateCommand& command) {
  command.options.validate();
  catch_interrupts();
  const Model model = load_model(command.checkpoint, command.machine);
  const Judges judges{scorer_of(command), originals_from(command.source)};
  EvaluationContext context = open_context(command, model, judges);
  if (command.dry_run) {
    for (const std::string& name : planned_metrics(context)) std::cout << name << "\n";
    return;
  }
  std::vector<ReportSubject> subjects{{"this-run", "This run", &context, {}, false, identity_of(model)}};
  std::optional<Model> beside;
  std::optional<EvaluationContext> beside_context;
  if (!command.report.beside.empty()) {
    beside.emplace(load_model(command.report.beside, command.machine));
    beside_context.emplace(open_context(command, *beside, judges));
    subjects.push_back({"shipped", "Shipped", &*beside_context, load_scores(beside->directory / "scores.json"), true,
                        identity_of(*beside)});
  }
  const std::vector<Show> shows = asked_shows(command.report, subjects);
  ScoreFile scores(command.out, settings_of(command, model));
  evaluate(context, scores.finished(), [&](const std::string& name, const auto& rows) { scores.add(name, rows); });
  print_rows(scores.rows(), command.json);
  subjects.front().scores = scores.rows();
  if (!command.report.path.empty()) write_report(command.report, subjects, shows);
}

}  // namespace

void add_evaluate_command(CLI::App& program) {
  auto command = std::make_shared<EvaluateCommand>();
  CLI::App* app =
      program.add_subcommand("evaluate", "measure a checkpoint on held-out data")
          ->footer("Example:\n  palimpsest evaluate checkpoints/emoji --data data/emoji4 --queries 96 --json");
  app->add_option("checkpoint", command->checkpoint, "a checkpoint, a run or a name under checkpoints/")->required();
  app->add_option("--data", command->data, "a directory that prepare wrote")->required();
  app->add_option("--scorer", command->scorer, "the judge of pictures, a checkpoint of kind scorer");
  app->add_option("--source", command->source, "prepare recipe of the data: originals are judged too");
  app->add_option("--out", command->out, "scores.json, written metric by metric; taken up again where it was left");
  app->add_option("--report", command->report.path, "write an HTML report there");
  app->add_option("--samples-out", command->report.samples, "folder for the report's samples as PNG, WAV and TXT");
  app->add_option("--beside", command->report.beside, "another checkpoint to show, with its stored scores.json");
  app->add_option("--tasks", command->report.tasks, "tasks of the report, such as caption-to-picture; none named: all");
  app->add_option("--show", command->report.items, "samples of each task in the report")->capture_default_str();
  app->add_flag("--dry-run", command->dry_run, "name the metrics that would be measured; measure nothing");
  app->add_flag("--json", command->json, "print the rows as JSON");
  add_options(*app, command->options);
  add_options(*app, command->machine);
  app->callback([command] { run_evaluate(*command); });
}

}  // namespace palimpsest
