// palimpsest inspect: what a checkpoint, prepared data, a tokenizer, a recipe or a media file holds.
#include "experiments/cli/inspect.h"

#include <iostream>

#include "backbone/diffusion/catalogue.h"
#include "base/errors.h"
#include "base/files.h"
#include "datasets/prepare/catalogue.h"
#include "datasets/prepare/transforms.h"
#include "datasets/shards/manifest.h"
#include "datasets/sources/source_form.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/contact_sheet.h"
#include "modalities/media/image.h"
#include "pipelines/sampling/catalogue.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

struct InspectCommand {
  std::string thing, contact_sheet, html, tokenizers, split;
  std::int64_t rows = 32;
  bool tensors = false, samplers = false, diffusion = false, sources = false, filters = false, transforms = false,
       json = false;
};

// A path as it is; a word that is none may be a NAME under checkpoints/.
fs::path find_thing(const std::string& thing) {
  if (fs::exists(thing)) return thing;
  const bool name = fs::path(thing).filename() == thing && fs::path(thing).extension().empty();
  if (!name) throw InputError(thing, "", "there is no such file or directory");
  return resolve_checkpoint(thing);
}

bool holds(const fs::path& directory, const char* name) { return fs::exists(directory / name); }

bool is_data(const fs::path& path) { return holds(path, kManifestName); }

bool is_tokenizer(const fs::path& path) {
  return holds(path, "tokenizer.json") || (holds(path, "vocab.json") && holds(path, "merges.txt"));
}

Facts inspect_directory(const fs::path& path, const InspectCommand& command) {
  if (is_data(path)) return inspect_data(path);
  if (is_tokenizer(path)) return inspect_tokenizer(path);
  if (holds(path, "checkpoints") || holds(path, "state.json") || holds(path, "model.safetensors")) {
    return inspect_checkpoint(resolve_checkpoint(path.string()), command.tensors);
  }
  throw InputError(
      path.string(), "",
      "is not recognised: holds neither manifest.json (prepared data), tokenizer.json or vocab.json with "
      "merges.txt (a tokenizer), state.json with model.safetensors (a checkpoint) nor checkpoints/ (a run)");
}

Facts inspect_thing(const fs::path& path, const InspectCommand& command) {
  if (fs::is_directory(path)) return inspect_directory(path, command);
  return path.extension() == ".toml" ? inspect_recipe(path) : inspect_media(path);
}

// What --contact-sheet and --html need, checked; `option` is the one that is asked for.
RowsWish rows_wish(const fs::path& data, const InspectCommand& command, const char* option, const std::string& file,
                   const std::string& extension) {
  if (!fs::is_directory(data) || !is_data(data)) {
    throw InputError("command line", option, "needs a directory that prepare wrote");
  }
  if (command.tokenizers.empty()) {
    throw InputError("command line", "--tokenizers", "is missing: the checkpoint whose tokenizers read the rows");
  }
  if (command.rows < 1) throw InputError("command line", "--rows", "must be at least 1");
  if (fs::path(file).extension() != extension) throw InputError("command line", option, "must end in " + extension);
  return {data, command.split, command.rows, resolve_checkpoint(command.tokenizers)};
}

void make_contact_sheet(const fs::path& data, const InspectCommand& command) {
  save_png(contact_sheet(rows_wish(data, command, "--contact-sheet", command.contact_sheet, ".png")),
           command.contact_sheet);
  std::cerr << "contact sheet: " << command.contact_sheet << "\n";
}

void make_page(const fs::path& data, const Facts& facts, const InspectCommand& command) {
  const DataRows rows(rows_wish(data, command, "--html", command.html, ".html"), /*with_sounds=*/true);
  write_file_atomically(command.html, data_page(facts, rows));
  std::cerr << "page: " << command.html << "\n";
}

Facts inspect_catalogue(const std::vector<CatalogueEntry>& catalogue) {
  Facts rows = Facts::array();
  for (const CatalogueEntry& entry : catalogue) {
    rows.push_back({{"option", entry.group}, {"value", entry.name}, {"does", entry.line}, {"paper", entry.paper}});
  }
  return rows;
}

void run_inspect(const InspectCommand& command) {
  if (command.samplers || command.diffusion || command.sources || command.filters || command.transforms) {
    Facts facts;
    if (command.diffusion) facts["diffusion"] = inspect_catalogue(diffusion_catalogue());
    if (command.samplers) facts["samplers"] = inspect_catalogue(sampler_catalogue());
    if (command.sources) facts["sources"] = inspect_catalogue(source_catalogue());
    if (command.filters) facts["filters"] = inspect_catalogue(filter_catalogue());
    if (command.transforms) facts["transforms"] = inspect_catalogue(transform_catalogue());
    print_facts(facts, command.json);
    return;
  }
  if (command.thing.empty()) throw InputError("command line", "THING", "is missing: what to look into");
  const fs::path path = find_thing(command.thing);
  if (!command.contact_sheet.empty()) make_contact_sheet(path, command);
  if (!command.html.empty()) rows_wish(path, command, "--html", command.html, ".html");
  Facts facts = inspect_thing(path, command);
  if (!command.html.empty()) make_page(path, facts, command);
  if (!command.json) facts.erase("histograms");  // nothing to read as words
  print_facts(facts, command.json);
}

}  // namespace

Facts inspect_recipe(const fs::path& file) {
  const Recipe recipe = load_recipe(file.string(), "train");
  const bool prepares = recipe.table.contains("data") && !recipe.table.contains("kind");
  Facts facts{{"what", "recipe"}, {"path", file.string()}};
  facts["kind"] = recipe.table["kind"].value_or(std::string(prepares ? "prepare" : "unknown"));
  facts["settings"] = to_facts(recipe.table);
  return facts;
}

void add_inspect_command(CLI::App& program) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App* app = program.add_subcommand("inspect", "what a checkpoint, a data directory, a tokenizer or a file holds");
  app->footer(
      "Examples:\n"
      "  palimpsest inspect checkpoints/emoji --tensors\n"
      "  palimpsest inspect data/emoji4 --contact-sheet sheet.png --tokenizers checkpoints/emoji\n"
      "  palimpsest inspect data/emoji4 --html emoji4.html --tokenizers checkpoints/emoji\n"
      "  palimpsest inspect --samplers --diffusion --sources --filters --transforms");
  app->add_option("THING", command->thing,
                  "a checkpoint, a run, a directory that prepare wrote, a tokenizer, a recipe (.toml) or a media file");
  app->add_flag("--tensors", command->tensors, "of a checkpoint: a table of its tensors");
  app->add_option("--contact-sheet", command->contact_sheet,
                  "of prepared data: write its first rows there as one PNG, pictures with their captions");
  app->add_option("--html", command->html,
                  "of prepared data: write counts, histograms and its first rows, with sounds, as one page");
  app->add_option("--tokenizers", command->tokenizers, "the checkpoint whose tokenizers read the rows' ids");
  app->add_option("--split", command->split, "the rows' split; without it the first");
  app->add_option("--rows", command->rows, "rows that are shown")->capture_default_str();
  app->add_flag("--samplers", command->samplers, "list the sampler's policies and settings with their papers");
  app->add_flag("--diffusion", command->diffusion,
                "list processes, schedules, times, masking patterns and objectives with their papers");
  app->add_flag("--sources", command->sources, "list the forms of data that prepare reads");
  app->add_flag("--filters", command->filters, "list what prepare can leave samples out by");
  app->add_flag("--transforms", command->transforms, "list what prepare can do to samples");
  app->add_flag("--json", command->json, "print it as JSON");
  app->callback([command] { run_inspect(*command); });
}

}  // namespace palimpsest
