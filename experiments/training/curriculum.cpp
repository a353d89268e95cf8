#include "experiments/training/curriculum.h"

#include "base/errors.h"
#include "experiments/training/object_noise.h"
#include "experiments/training/split_rows.h"
#include "pipelines/model.h"

namespace palimpsest {

namespace {

// Where the keys of one stage were written, as keys of the recipe it makes.
std::map<std::string, RecipePlace> places_of_stage(const std::map<std::string, RecipePlace>& places,
                                                   const std::string& prefix) {
  std::map<std::string, RecipePlace> moved;
  for (const auto& [key, place] : places) {
    if (key.starts_with(prefix)) moved[key.substr(prefix.size())] = place;
  }
  return moved;
}

std::int64_t first_step(const Recipe& recipe, const toml::table& table, const std::string& key) {
  const auto from = table["from"].value<std::int64_t>();
  if (!from || *from < 1) throw InputError(recipe.file, key + ".from", "must be a step after 0");
  return *from;
}

// The recipe of a stage: the stage before it with this table's keys laid over.
Recipe recipe_of_stage(const Recipe& before, const toml::table& table, const std::string& key) {
  static const std::vector<std::string> kTables{"data", "diffusion", "canvas"};
  toml::table over = table;
  over.erase("from");
  for (const auto& [name, node] : over) {
    if (std::find(kTables.begin(), kTables.end(), name.str()) == kTables.end() || !node.is_table()) {
      throw InputError(before.file, key + "." + std::string(name.str()),
                       "is none of the tables that a stage may change" + suggest(name.str(), kTables));
    }
  }
  Recipe recipe = before;
  merge_tables(recipe.table, over);
  std::map<std::string, RecipePlace> places = places_of_stage(before.places, key + ".");
  places.merge(recipe.places);
  recipe.places = std::move(places);
  return recipe;
}

// A stage's canvas has the recipe's roles, each at most as long: what the net was made for.
void check_canvas(const CanvasSchema& base, const CanvasSchema& stage, const std::string& file) {
  for (std::int64_t r = 0; r < base.num_roles(); ++r) {
    const bool same = stage.num_roles() == base.num_roles() && stage.role(r).name == base.role(r).name &&
                      stage.role(r).elastic == base.role(r).elastic;
    if (!same) throw InputError(file, "canvas.roles", "a stage of the curriculum keeps the recipe's roles");
    if (stage.role(r).length() > base.role(r).length()) {
      throw InputError(file, "canvas.roles." + base.role(r).name + ".bound",
                       "a stage of the curriculum may be shorter than the recipe's " +
                           std::to_string(base.role(r).length()) + ", not longer");
    }
  }
}

// Opens what a stage's [data] names.
class ViewMaker {
 public:
  ViewMaker(const Recipe& recipe, const DiffusionOptions& diffusion, TokenSets& sets, bool shortened, RandomKey key)
      : data_(recipe_options<TokenDataOptions>(recipe, "data")),
        file_(recipe.file),
        diffusion_(diffusion),
        sets_(sets),
        shortened_(shortened),
        key_(key.fold("data")) {}

  std::vector<PageView> views(const CanvasSchema& schema) const {
    if (data_.role_sets.empty()) return {{1.0, schema, everything(schema)}};
    std::shared_ptr<const Mixture> all;  // drawn from the whole canvas's rows, whatever a set shows of them
    double sum = 0, running = 0;
    for (const auto& [name, set] : data_.role_sets) sum += set.weight;
    std::vector<PageView> made;
    for (const auto& [name, set] : data_.role_sets) {
      if (set.weight == 0) continue;
      running += set.weight;
      PageView view{running / sum, schema.with_roles(set.roles), nullptr};
      if (set.directory.empty()) {
        if (!all) all = everything(schema);
        view.samples = all;
      } else {
        view.samples = mixture({{set.directory, set.split, 1.0}}, view.schema, key_.fold(name));
      }
      made.push_back(std::move(view));
    }
    return made;
  }

 private:
  std::shared_ptr<const Mixture> everything(const CanvasSchema& schema) const {
    if (!data_.mixture.empty()) return mixture(data_.mixture, schema, key_);
    return mixture({{data_.directory, data_.split, 1.0}}, schema, key_);
  }
  std::shared_ptr<const Mixture> mixture(const std::vector<MixtureOptions>& parts, const CanvasSchema& schema,
                                         RandomKey key) const {
    std::vector<MixturePart> opened;
    for (const MixtureOptions& part : parts) {
      std::shared_ptr<TokenSet> set = sets_.open(part.directory, part.split, schema);
      const std::string name = part.directory + " (" + part.split + ")";
      if (data_.split_long) set = split_long_rows(std::move(set), schema);
      if (shortened_) set = fitting_rows(std::move(set), schema, name);
      if (wants_objects(diffusion_, schema)) require_boxes(*set, name, file_);
      opened.push_back({std::move(set), part.weight});
    }
    return std::make_shared<const Mixture>(std::move(opened), key, data_.shuffle_rows);
  }

  TokenDataOptions data_;
  std::string file_;
  const DiffusionOptions& diffusion_;
  TokenSets& sets_;
  bool shortened_;
  RandomKey key_;
};

Stage make_stage(std::int64_t from, const Recipe& recipe, const CanvasSchema& schema, TokenSets& sets, RandomKey key) {
  Stage stage{from,
              recipe_options<DiffusionOptions>(recipe, "diffusion"),
              {},
              recipe_options<CanvasOptions>(recipe, "canvas").packed};
  if (stage.packed != 0 && stage.packed < schema.length()) {
    throw InputError(recipe.file, "canvas.packed",
                     "must be 0 or at least the " + std::to_string(schema.length()) +
                         " positions of a whole document, which is never split; got " + std::to_string(stage.packed));
  }
  for (const auto& [role, odds] : stage.diffusion.given_odds) schema.role_index(role);  // InputError when there is none
  stage.views = ViewMaker(recipe, stage.diffusion, sets, from > 0, key).views(schema);
  return stage;
}

}  // namespace

double Stage::mean_length() const {
  double mean = 0, previous = 0;
  for (const PageView& view : views) {
    const double length = packed == 0 ? static_cast<double>(view.schema.length())
                                      : mean_packed_length(*view.samples, view.schema, diffusion);
    mean += (view.up_to - previous) * length;
    previous = view.up_to;
  }
  return mean;
}

Curriculum::Curriculum(const Recipe& recipe, const SchemaMaker& make_schema, TokenSets& sets, RandomKey key)
    : key_(key) {
  const CanvasSchema base = make_schema(recipe);
  stages_.push_back(make_stage(0, recipe, base, sets, key));
  const toml::node* node = recipe.table.get("curriculum");
  if (!node) return;
  if (!node->is_array_of_tables()) throw InputError(recipe.file, "curriculum", "must be a list: [[curriculum]]");
  Recipe before = recipe;
  for (std::size_t i = 0; i < node->as_array()->size(); ++i) {
    const toml::table& table = *node->as_array()->get(i)->as_table();
    const std::string key_of_stage = "curriculum[" + std::to_string(i) + "]";
    const std::int64_t from = first_step(recipe, table, key_of_stage);
    if (from <= stages_.back().from) {
      throw InputError(recipe.file, key_of_stage + ".from", "must come after the stage before it");
    }
    before = with_lines(recipe, [&] { return recipe_of_stage(before, table, key_of_stage); });
    with_lines(before, [&] {
      const CanvasSchema schema = make_schema(before);
      check_canvas(base, schema, before.file);
      stages_.push_back(make_stage(from, before, schema, sets, key));
      return true;
    });
  }
}

const Stage& Curriculum::stage_at(std::int64_t step) const {
  std::size_t stage = stages_.size() - 1;
  while (stage > 0 && stages_[stage].from > step) --stage;
  return stages_[stage];
}

const PageView& Curriculum::view_at(std::int64_t step) const {
  const Stage& stage = stage_at(step);
  const double uniform = key_.fold("role set").uniform(static_cast<std::uint64_t>(step));
  for (const PageView& view : stage.views) {
    if (uniform < view.up_to) return view;
  }
  return stage.views.back();
}

}  // namespace palimpsest
