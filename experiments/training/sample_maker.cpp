#include "experiments/training/sample_maker.h"

#include <c10/core/GradMode.h>

#include "experiments/training/split_rows.h"
#include "pipelines/best_of.h"
#include "pipelines/queries/query.h"

namespace palimpsest {

namespace {

std::vector<RoleTask> tasks_or_everything(std::vector<RoleTask> tasks, const CanvasSchema& schema) {
  if (!tasks.empty()) return tasks;
  RoleTask everything;
  for (const Role& role : schema.roles()) everything.wanted.push_back(role.name);
  return {everything};
}

}  // namespace

SampleMaker::SampleMaker(const Recipe& recipe, const TableMeaning& meaning, std::vector<RoleTask> tasks,
                         TokenSets& sets)
    : tokenizers_(meaning.tokenizers),
      tasks_(tasks_or_everything(std::move(tasks), meaning.schema)),
      sampler_(recipe_options<SamplerOptions>(recipe, "sampler")) {
  const auto data = recipe_options<TokenDataOptions>(recipe, "data");
  const bool needs_rows =
      std::any_of(tasks_.begin(), tasks_.end(), [](const RoleTask& task) { return !task.given.empty(); });
  if (!needs_rows) return;
  const std::string directory = data.directory.empty() ? data.mixture.front().directory : data.directory;
  rows_ = sets.open(directory, data.validation.empty() ? data.split : data.validation.front(), meaning.schema);
  if (data.split_long) rows_ = split_long_rows(rows_, meaning.schema);
}

std::vector<TaskSamples> SampleMaker::make(const DiffusionModel& model, std::int64_t count) const {
  const c10::NoGradGuard no_grad;
  const BestOfSampler sampler(model, sampler_);
  std::vector<TaskSamples> all;
  for (const RoleTask& task : tasks_) {
    std::vector<CodedQuery> queries;
    for (const auto& given : given_items(task, count)) queries.push_back({given, {}, task.wanted});
    if (queries.empty()) continue;
    const TokenCanvas start = query_canvas(model.schema, queries);
    const std::vector<RandomKey> keys = sample_keys(0, 0, std::ssize(queries));
    const SampleResult result = sampler.run(start, keys);
    auto made = read_media(model.schema, tokenizers_, result.canvas, task.wanted);
    TaskSamples samples{task.folder(), {}};
    for (std::size_t i = 0; i < queries.size(); ++i) {
      samples.items.push_back({decoded(queries[i].given), std::move(made[i])});
    }
    all.push_back(std::move(samples));
  }
  return all;
}

// The first rows that have what the task gives.
std::vector<std::map<std::string, at::Tensor>> SampleMaker::given_items(const RoleTask& task,
                                                                        std::int64_t count) const {
  if (task.given.empty()) return std::vector<std::map<std::string, at::Tensor>>(static_cast<std::size_t>(count));
  const std::shared_ptr<TokenSet> rows = rows_with_roles(rows_, task.given);
  std::vector<std::map<std::string, at::Tensor>> items;
  for (std::int64_t row = 0; row < std::min(count, rows->rows()); ++row) {
    items.emplace_back();
    for (const std::string& role : task.given) items.back()[role] = *rows->ids(row, role);
  }
  return items;
}

std::map<std::string, Media> SampleMaker::decoded(const std::map<std::string, at::Tensor>& ids) const {
  std::map<std::string, Media> media;
  for (const auto& [role, ids_L] : ids) {
    const Tokenizer& tokenizer = *tokenizers_.at(role);
    media[role] = tokenizer.decode({Codes{ids_L, tokenizer.layout(ids_L.numel())}}).front();
  }
  return media;
}

}  // namespace palimpsest
