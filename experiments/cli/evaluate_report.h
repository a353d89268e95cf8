// The report of an evaluation: what one or two checkpoints make of held-out material, with curves and scores.
#pragma once

#include <string>
#include <vector>

#include "experiments/evaluation/evaluation.h"

namespace palimpsest {

struct ReportRequest {
  std::string path;         // report.html
  std::string samples;      // folder of raw media; empty: none
  std::string beside;       // another checkpoint
  std::int64_t items = 12;  // of each task
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

// Makes the samples, writes them raw and as one page. Progress on stderr; three lines at the end say what was made and
// where.
void write_report(const ReportRequest& request, const std::vector<ReportSubject>& subjects);

}  // namespace palimpsest
