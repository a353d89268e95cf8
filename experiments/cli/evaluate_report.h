// The report of an evaluation: what one or two checkpoints make of held-out material, with curves and scores.
#pragma once

#include <string>
#include <vector>

#include "experiments/evaluation/showcase.h"

namespace palimpsest {

struct ReportRequest {
  std::string path;                // report.html
  std::string samples;             // folder of raw media; empty: none
  std::string beside;              // another checkpoint
  std::vector<std::string> tasks;  // to show, by name; empty: all
  std::int64_t items = 12;         // of each task
};

// A checkpoint in the report.
struct ReportSubject {
  std::string name;   // of its samples' folder: "this-run"
  std::string title;  // "This run, 1742 steps"
  const EvaluationContext* context;
  std::vector<MetricRow> scores;
  bool stored;              // the scores were read from its scores.json, not measured now
  nlohmann::json identity;  // of weights and recipe: samples of another are not taken for its own
};

// The tasks that are asked for and that any subject can do, once each. InputError naming a task that there is not.
std::vector<Show> asked_shows(const ReportRequest& request, const std::vector<ReportSubject>& subjects);

// Makes the samples, writes them raw and as one page; what lies in the samples' folder already is not made again.
// Progress on stderr; three lines at the end say what was made and where.
void write_report(const ReportRequest& request, const std::vector<ReportSubject>& subjects,
                  const std::vector<Show>& shows);

}  // namespace palimpsest
