// One task of the report: the same held-out items as one or several models answered them.
#pragma once

#include <string>
#include <vector>

#include "experiments/evaluation/showcase.h"
#include "experiments/report/report.h"

namespace palimpsest {

// What a model made of a task's items. All answers of a chapter are to the same task.
struct Answer {
  std::string title;  // of the model
  Exhibit exhibit;
};

// A chapter with a card an item: what was given, what is true, what each model made; then each model's film strip.
// Models that answered other items (nothing is given, or their data differ) have a section each.
void add_task_chapter(Report& report, const std::vector<Answer>& answers);

}  // namespace palimpsest
