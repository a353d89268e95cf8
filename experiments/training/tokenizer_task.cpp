#include "experiments/training/tokenizer_task.h"

#include "base/errors.h"
#include "datasets/loading/media_set.h"
#include "tokenizers/make.h"

namespace palimpsest {

namespace {

// [tokenizer] in two: what the tokenizers' room reads (kind, options) and what this one does.
struct TokenizerTable {
  TokenizerTaskOptions task;
  TokenizerRequest request;
};

TokenizerTable read_tokenizer_table(const Recipe& recipe) {
  const toml::table* table = recipe.table["tokenizer"].as_table();
  if (!table) throw InputError(recipe.file, "tokenizer", "is missing");
  toml::table theirs, ours = *table;
  for (const char* name : {"kind", "options"}) {
    if (const toml::node* node = table->get(name)) theirs.insert(name, *node);
    ours.erase(name);
  }
  return {read_options<TokenizerTaskOptions>(ours, recipe.file, "tokenizer"), tokenizer_request(theirs, recipe.file)};
}

std::vector<Media> load_media(const DataOptions& data, const std::string& split, const std::string& role) {
  std::vector<Media> media;
  for (Sample& sample : load_media_set(data, split, {role})) media.push_back(std::move(sample.roles.at(role)));
  return media;
}

// The first `count` in a keyed order: the same ones whatever the run's seed.
std::vector<Media> draw_fixed(const std::vector<Media>& media, std::int64_t count) {
  const RandomKey key = RandomKey::root(0).fold("validation");
  std::vector<Media> drawn;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(count, std::ssize(media)); ++i) {
    drawn.push_back(media[permuted_index(key, static_cast<std::uint64_t>(i), media.size())]);
  }
  return drawn;
}

}  // namespace

void TokenizerTaskOptions::validate() const {
  if (role.empty()) throw InputError("", "role", "is missing: the role of the data that the tokenizer reads");
  if (validation_items < 1) throw InputError("", "validation_items", "must be at least 1");
  if (observed_items < 0) throw InputError("", "observed_items", "must not be negative");
}

TokenizerTask::TokenizerTask(const TaskRequest& request)
    : training_(request.training), key_(RandomKey::root(static_cast<std::uint64_t>(request.training.seed))) {
  const TokenizerTable table = read_tokenizer_table(request.recipe);
  options_ = table.task;
  tokenizer_ = make_trainable(table.request, key_.fold("parameters"));
  tokenizer_->to(request.machine);
  const auto data = recipe_options<DataOptions>(request.recipe, "data");
  train_ = load_media(data, options_.split, options_.role);
  for (const std::string& split : options_.validation) {
    held_out_[split] = draw_fixed(load_media(data, split, options_.role), options_.validation_items);
  }
  tokenizer_->observe(options_.observed_items == 0 ? train_ : draw_fixed(train_, options_.observed_items));
}

LossReport TokenizerTask::loss(const StepPosition& position) {
  const std::int64_t share = training_.batch / training_.micro_batches;
  const std::int64_t begin = position.step * training_.batch + position.micro_batch * share;
  const std::uint64_t size = train_.size();
  std::vector<Media> batch;
  for (std::int64_t i = begin; i < begin + share; ++i) {
    const auto index = static_cast<std::uint64_t>(i);
    batch.push_back(train_[permuted_index(key_.fold("data").fold(index / size), index % size, size)]);
  }
  return tokenizer_->loss(batch, key_.fold("loss").fold(static_cast<std::uint64_t>(begin)));
}

std::map<std::string, double> TokenizerTask::validate(std::int64_t) {
  const auto share = static_cast<std::size_t>(training_.batch / training_.micro_batches);
  const RandomKey key = RandomKey::root(0).fold("validation loss");
  std::map<std::string, double> figures;
  for (const auto& [split, media] : held_out_) {
    for (std::size_t begin = 0; begin < media.size(); begin += share) {
      const std::size_t count = std::min(share, media.size() - begin);
      const std::vector<Media> batch(media.begin() + static_cast<std::ptrdiff_t>(begin),
                                     media.begin() + static_cast<std::ptrdiff_t>(begin + count));
      LossReport report = tokenizer_->loss(batch, key.fold(begin));
      report.figures["loss"] = report.loss.item<double>();
      const double weight = static_cast<double>(count) / static_cast<double>(media.size());
      for (const auto& [name, value] : report.figures) figures[split + "/" + name] += weight * value;
    }
  }
  return figures;
}

std::map<std::string, double> TokenizerTask::units_a_step() const {
  return {{"items", static_cast<double>(training_.batch)}};
}

void TokenizerTask::save_extras(const std::filesystem::path& checkpoint) const {
  std::filesystem::create_directories(checkpoint / "tokenizer");
  tokenizer_->save(checkpoint / "tokenizer");
}

}  // namespace palimpsest
