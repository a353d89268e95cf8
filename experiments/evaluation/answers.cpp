#include "experiments/evaluation/answers.h"

#include <algorithm>

namespace palimpsest {

namespace {

std::vector<bool> wholly(const std::vector<Rightness>& answers) {
  std::vector<bool> hits;
  for (const Rightness rightness : answers) hits.push_back(rightness == 1.0);
  return hits;
}

}  // namespace

std::vector<MetricRow> checked_rows(const CheckedAnswers& answers, const std::string& name, const std::string& split,
                                    const std::string& note) {
  MetricRow all = rate_row(name + ": all right", split, wholly(answers.made));
  all.baseline = rate_of(wholly(answers.copied));
  MetricRow parts = mean_row(name + ": parts right", split, Unit::kRate, answers.made);
  parts.baseline = mean(answers.copied);
  if (!answers.others.empty()) {
    all.chance = rate_of(wholly(answers.others));
    parts.chance = mean(answers.others);
  }
  all.note = parts.note = note;
  std::vector<MetricRow> rows{all, parts};
  if (!answers.rebuilt.empty()) {
    rows.push_back(rate_row(name + ": the tokenizer's reconstruction, all right", split, wholly(answers.rebuilt)));
    rows.back().note = "the true tokens, decoded and read";
  }
  return rows;
}

}  // namespace palimpsest
