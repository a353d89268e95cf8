#include "experiments/training/task_factory.h"

#include "base/errors.h"
#include "experiments/training/backbone_task.h"
#include "experiments/training/freeze.h"
#include "experiments/training/tokenizer_task.h"

namespace palimpsest {

TaskMakers basic_task_makers() {
  return {{"backbone", [](const TaskRequest& request) { return std::make_unique<BackboneTask>(request); }},
          {"tokenizer", [](const TaskRequest& request) { return std::make_unique<TokenizerTask>(request); }}};
}

std::unique_ptr<TrainingTask> make_task(const TaskMakers& makers, const TaskRequest& request) {
  const std::string kind = recipe_kind(request.recipe);
  const auto maker = makers.find(kind);
  if (maker != makers.end()) {
    return with_lines(request.recipe, [&] {
      std::unique_ptr<TrainingTask> task = maker->second(request);
      freeze(task->parameters(), request.training.freeze, request.recipe.file);
      return task;
    });
  }
  std::vector<std::string> kinds;
  for (const auto& [name, make] : makers) kinds.push_back(name);
  throw at_its_line(request.recipe,
                    InputError(request.recipe.file, "kind", "unknown kind '" + kind + "'" + suggest(kind, kinds)));
}

std::string recipe_kind(const Recipe& recipe) {
  const auto kind = recipe.table["kind"].value<std::string>();
  if (!kind) throw InputError(recipe.file, "kind", "is missing: backbone, tokenizer or scorer");
  return *kind;
}

}  // namespace palimpsest
