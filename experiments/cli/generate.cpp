// palimpsest generate: any wanted roles from any given ones.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/zero_padded.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/guidance_facts.h"
#include "modalities/media/files.h"
#include "modalities/media/image.h"
#include "modalities/media/text.h"
#include "pipelines/best_of.h"
#include "pipelines/film.h"
#include "pipelines/model.h"

namespace palimpsest {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kFilmFrames = 9;

struct GenerateOptions {
  std::string checkpoint;
  std::vector<std::string> overrides;  // sampler.KEY=VALUE
  std::vector<std::string> given;      // ROLE=TEXT, ROLE=@FILE or ROLE=FILE
  std::vector<std::string> wanted;
  std::vector<std::string> holes;  // ROLE=top,left,bottom,right
  std::string out, replay;
  std::int64_t count = 1;
  FitPolicy fit = FitPolicy::kRefuse;
  bool json = false, trace = false, dry_run = false;
  SamplerOptions sampler;  // flags; those that were given count
  MachineOptions machine;
};

struct NamedValue {
  std::string name, value;
};

NamedValue split_flag(const std::string& text, const std::string& flag, const std::string& form) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0) throw InputError("", flag, "must be " + form + ", got '" + text + "'");
  return {text.substr(0, at), text.substr(at + 1)};
}

// A flag speaks of all roles: what the recipe says of the same key for single ones gives way. What was said of a role
// beside the flag (sampler.roles.ROLE.KEY=VALUE) stands.
void forget_roles_key(toml::table& sampler, const std::string& key, const std::vector<std::string>& overrides) {
  toml::table* roles = sampler["roles"].as_table();
  if (!roles) return;
  for (auto&& [role, choices] : *roles) {
    const std::string said = "sampler.roles." + std::string(role.str()) + "." + key + "=";
    const bool beside = std::any_of(overrides.begin(), overrides.end(),
                                    [&said](const std::string& text) { return text.starts_with(said); });
    if (toml::table* own = choices.as_table(); own && !beside) own->erase(key);
  }
}

// The recipe's [sampler], then table.key=value overrides, then flags that were given.
SamplerOptions resolve_sampler(const CLI::App& command, const GenerateOptions& options, const Model& model) {
  for (const std::string& text : options.overrides) {
    if (!text.starts_with("sampler.")) throw InputError("", text, "only sampler.KEY=VALUE can be overridden here");
  }
  const Recipe recipe = load_recipe((model.directory / "recipe.toml").string(), "train", options.overrides);
  toml::table table;
  if (const toml::table* own = recipe.table["sampler"].as_table()) table = *own;
  for (const auto& [name, value] : to_toml(options.sampler)) {
    const std::string flag = options_detail::flag_name("", std::string(name.str()).c_str());
    if (name.str() == "roles" || command.count(flag) == 0) continue;
    table.insert_or_assign(name, value);
    forget_roles_key(table, std::string(name.str()), options.overrides);
  }
  return read_options<SamplerOptions>(table, recipe.file, "sampler");
}

// A picture of another shape is fitted only when the person said how.
Media fit_media(const Media& media, FitPolicy fit, const Model& model, const NamedValue& given) {
  const Image* image = std::get_if<Image>(&media);
  if (!image || fit == FitPolicy::kRefuse) return media;
  const std::int64_t size = model.tokenizers.at(given.name)->picture_size();
  return fit_image(*image, size, size, fit, given.value);
}

Media read_given(const NamedValue& given, const Model& model, FitPolicy fit) {
  const std::string kind = model.schema.role(model.schema.role_index(given.name)).layout.modality;
  const bool from_file = given.value.starts_with("@");
  if (kind == "text" && !from_file) return decode_text(given.value, "--given " + given.name);
  const std::string path = from_file ? given.value.substr(1) : given.value;
  const Media media = load_media(path, {kind, model.tokenizers.at(given.name)->sample_rate()});
  return fit_media(media, fit, model, {given.name, path});
}

Query make_query(const GenerateOptions& options, const Model& model) {
  Query query;
  query.wanted = options.wanted;
  for (const std::string& text : options.given) {
    const NamedValue given = split_flag(text, "--given", "ROLE=TEXT, ROLE=@FILE or ROLE=FILE");
    if (query.given.count(given.name)) throw InputError("", "--given " + given.name, "is given twice");
    query.given.emplace(given.name, read_given(given, model, options.fit));
  }
  for (const std::string& text : options.holes) {
    const NamedValue hole = split_flag(text, "--hole", "ROLE=top,left,bottom,right");
    model.schema.role_index(hole.name);
    query.holes[hole.name] = parse_hole(hole.value, "--hole " + hole.name);
  }
  return query;
}

// What needs something to follow, where it was asked for by name.
void check_given(const CLI::App& command, const SamplerOptions& sampler, const Query& query) {
  const bool guides = !guidance_by_role(sampler, query).empty();
  const double weight = inner_guidance(sampler.guidance, sampler.guiding.convention);
  if (command.count("--guidance") > 0 && weight != 1.0 && !guides) {
    throw InputError("", "--guidance", "needs a role that is given whole; with nothing to follow only 1 has a meaning");
  }
  if (command.count("--best-of") > 0 && sampler.best_of > 1 && !guides) {
    throw InputError("", "--best-of",
                     "needs a role that is given whole; candidates are told apart by what they tell of it");
  }
}

std::vector<std::string> made_roles(const Query& query) {
  std::vector<std::string> roles = query.wanted;
  for (const auto& [role, hole] : query.holes) {
    if (std::find(roles.begin(), roles.end(), role) == roles.end()) roles.push_back(role);
  }
  return roles;
}

void prepare_out(const fs::path& out) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error || !fs::is_directory(out)) throw InputError(out.string(), "--out", "cannot be made a directory");
}

struct Written {
  std::string role, path;
  std::int64_t sample;
};

std::vector<Written> save_samples(const fs::path& out, const std::vector<std::map<std::string, Media>>& media) {
  std::vector<Written> written;
  for (std::size_t sample = 0; sample < media.size(); ++sample) {
    for (const auto& [role, item] : media[sample]) {
      const auto index = static_cast<std::int64_t>(sample);
      written.push_back({role, save_media(item, out / (role + "-" + zero_padded(index, 3))).string(), index});
    }
  }
  return written;
}

// trace.json, and a film of every made role that has one.
void save_trace(const fs::path& out, const Film& film, const std::vector<std::string>& roles) {
  write_file_atomically(out / "trace.json", trace_to_json(film.trace).dump());
  const auto steps = film_steps(film.trace, kFilmFrames);
  const auto finished = read_media(film.schema, film.tokenizers, film.canvas, roles);
  for (const auto& [role, media] : finished.front()) {
    if (std::holds_alternative<Image>(media)) save_png(picture_strip(film, role, steps), out / (role + "-film.png"));
    if (std::holds_alternative<Text>(media))
      write_file_atomically(out / (role + "-film.txt"), text_strip(film, role, steps));
  }
}

// What an earlier run wrote into the same canvas, by its trace alone.
SampleResult replayed(const std::string& file, const TokenCanvas& start) {
  const auto json = nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  SampleResult result{start, trace_from_json(json, file)};
  if (!result.trace.start_BL.sizes().equals(start.tokens_BL.sizes()) || !result.trace.start_BL.equal(start.tokens_BL)) {
    throw InputError(file, "start", "is another canvas: --given, --want, --hole and --count must be as they were");
  }
  result.canvas.tokens_BL = result.trace.replay();
  return result;
}

nlohmann::json report(const SamplerOptions& sampler, const Query& query, std::int64_t candidates,
                      const std::vector<Written>& written, double seconds) {
  nlohmann::json files = nlohmann::json::array();
  for (const Written& file : written)
    files.push_back({{"role", file.role}, {"sample", file.sample}, {"path", file.path}});
  return {{"files", files},
          {"seconds", seconds},
          {"unmask", enum_name(sampler.unmask)},
          {"remask", enum_name(sampler.remask.kind)},
          {"steps", sampler.steps},
          {"guidance", guidance_by_role(sampler, query)},
          {"candidates", candidates}};
}

SampleResult sample(const BestOfSampler& sampler, const TokenCanvas& start, const GenerateOptions& options) {
  Progress progress("generate", sampler.run_steps(start), "steps");
  const auto keys = sample_keys(static_cast<std::uint64_t>(options.machine.seed), 0, options.count);
  SampleResult result = sampler.run(start, keys, [&](std::int64_t done) {
    stop_if_interrupted();
    progress.update(done);
  });
  progress.finish();
  return result;
}

void announce(const GenerateOptions& options, const SamplerOptions& sampler, std::int64_t candidates,
              const Query& query) {
  std::cerr << (options.dry_run ? "would make " : "making ") << options.count << " of";
  for (const std::string& role : made_roles(query)) std::cerr << " " << role;
  if (options.replay.empty()) {
    std::cerr << " in " << sampler.steps << " steps";
    if (candidates > options.count) std::cerr << ", the best of " << candidates << " candidates";
  } else {
    std::cerr << " as " << options.replay << " has it";
  }
  if (!options.out.empty()) std::cerr << " under " << options.out;
  std::cerr << "\n";
}

void run_generate(const CLI::App& command, const GenerateOptions& options) {
  options.sampler.validate();
  if (options.count < 1) throw InputError("", "--count", "must be at least 1, got " + std::to_string(options.count));
  if (options.out.empty() && !options.dry_run) throw InputError("", "--out", "name a directory for what is made");
  catch_interrupts();
  const Model model = load_model(options.checkpoint, options.machine);
  const SamplerOptions chosen = resolve_sampler(command, options, model);
  const Query query = make_query(options, model);
  check_given(command, chosen, query);
  const std::vector<Query> queries(static_cast<std::size_t>(options.count), query);
  const TokenCanvas start = query_canvas(model.schema, model.tokenizers, queries);
  const BestOfSampler sampler(model.diffusion_model(), chosen);
  sampler.check(start);
  std::optional<SampleResult> earlier;
  if (!options.replay.empty()) earlier = replayed(options.replay, start);
  announce(options, chosen, sampler.candidates(start), query);
  if (options.dry_run) return;
  prepare_out(options.out);
  const auto begin = std::chrono::steady_clock::now();
  const SampleResult result = earlier ? std::move(*earlier) : sample(sampler, start, options);
  const auto media = read_media(model.schema, model.tokenizers, result.canvas, made_roles(query));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const auto written = save_samples(options.out, media);
  if (options.trace)
    save_trace(options.out, {model.schema, model.tokenizers, result.canvas, result.trace}, made_roles(query));
  if (options.json) {
    std::cout << report(chosen, query, sampler.candidates(start), written, seconds.count()).dump(2) << "\n";
  } else {
    for (const Written& file : written) std::cout << file.path << "\n";
  }
}

}  // namespace

void add_generate_command(CLI::App& program) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = program.add_subcommand("generate", "make wanted roles from given ones with a checkpoint");
  command->footer(
      "Examples:\n"
      "  palimpsest generate tri-modal --given caption=\"red apple\" --want picture,speech --count 8 --out out/\n"
      "  palimpsest generate runs/demo --given picture=apple.png --want caption --out out/\n"
      "  palimpsest generate tri-modal --given picture=apple.png --hole picture=0.25,0.25,0.75,0.75 --out out/");
  command->add_option("checkpoint", options->checkpoint, "checkpoint directory, run or name under checkpoints/")
      ->required();
  command->add_option("overrides", options->overrides,
                      "sampler.KEY=VALUE, such as sampler.roles.caption.temperature=0");
  command->add_option("--given", options->given, "ROLE=TEXT, ROLE=@FILE or ROLE=FILE; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--want", options->wanted, "roles to make, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--hole", options->holes,
                   "ROLE=top,left,bottom,right in fractions: part of a given role to make anew")
      ->allow_extra_args(false);
  command->add_option("--count", options->count, "samples")->capture_default_str();
  command->add_option("--out", options->out, "directory for the PNG, WAV and TXT files");
  command
      ->add_option_function<std::string>(
          "--fit", [options](const std::string& text) { options->fit = parse_enum<FitPolicy>(text, "", "--fit"); },
          "given pictures of another size: crop, pad, stretch or refuse")
      ->default_str(enum_name(options->fit));
  command->add_flag("--trace", options->trace, "write trace.json and film strips too");
  command->add_option("--replay", options->replay,
                      "a trace.json: make what that run made, of the same query, without sampling again");
  command->add_flag("--json", options->json, "report as JSON on stdout");
  command->add_flag("--dry-run", options->dry_run, "check everything, make nothing");
  add_options(*command, options->sampler);
  add_options(*command, options->machine);
  command->callback([command, options] { run_generate(*command, *options); });
}

}  // namespace palimpsest
