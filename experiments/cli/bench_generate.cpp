// palimpsest bench generate: how long a person waits for pictures.
#include <ATen/Parallel.h>

#include "base/errors.h"
#include "base/interrupt.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/guidance_facts.h"
#include "experiments/cli/measure.h"
#include "modalities/media/text.h"
#include "pipelines/best_of.h"
#include "pipelines/model.h"
#include "pipelines/queries/query.h"

namespace palimpsest {

namespace {

struct BenchGenerateOptions {
  std::string checkpoint, caption = "red apple";
  std::int64_t count = 8, steps = 16, repeats = 3;
  bool json = false;
  MachineOptions machine;

  void validate() const {
    if (count < 1) throw InputError("command line", "--count", "must be at least 1");
    if (repeats < 1) throw InputError("command line", "--repeats", "must be at least 1");
  }
};

// Pictures for a caption; out of nothing where the checkpoint knows no captions.
Query picture_query(const BenchGenerateOptions& options, const Model& model) {
  Query query;
  for (const Role& role : model.schema.roles()) {
    const Tokenizer& tokenizer = *model.tokenizers.at(role.name);
    if (tokenizer.picture_size() > 0) query.wanted.push_back(role.name);
    if (tokenizer.space().modality == "text" && query.given.empty()) {
      query.given.emplace(role.name, decode_text(options.caption, "--caption"));
    }
  }
  if (query.wanted.empty()) throw InputError(options.checkpoint, "canvas.roles", "none of them is a picture");
  return query;
}

TokenCanvas start_of(const Model& model, const Query& query, std::int64_t count) {
  const std::vector<Query> queries(static_cast<std::size_t>(count), query);
  return query_canvas(model.schema, model.tokenizers, queries);
}

double generation_seconds(const Model& model, const BestOfSampler& sampler, const Query& query,
                          const BenchGenerateOptions& options) {
  const Stopwatch watch;
  const TokenCanvas start = start_of(model, query, options.count);
  const auto keys = sample_keys(static_cast<std::uint64_t>(options.machine.seed), 0, options.count);
  const SampleResult result = sampler.run(start, keys, [](std::int64_t) { stop_if_interrupted(); });
  read_media(model.schema, model.tokenizers, result.canvas, query.wanted);
  return watch.seconds();
}

void run_bench_generate(const BenchGenerateOptions& options) {
  options.validate();
  catch_interrupts();
  const Stopwatch opening;
  const Model model = load_model(options.checkpoint, options.machine);
  const double open_seconds = opening.seconds();
  auto chosen = recipe_options<SamplerOptions>(model.recipe, "sampler");
  chosen.steps = options.steps;
  const Query query = picture_query(options, model);
  const BestOfSampler sampler(model.diffusion_model(), chosen);
  std::vector<double> seconds, rates;
  for (std::int64_t repeat = 0; repeat < options.repeats; ++repeat) {
    seconds.push_back(generation_seconds(model, sampler, query, options));
    rates.push_back(static_cast<double>(options.count) / seconds.back());
  }
  Facts facts{{"checkpoint", model.directory.string()},
              {"made", query.wanted},
              {"count", options.count},
              {"steps", chosen.steps},
              {"guidance", guidance_by_role(chosen, query)},
              {"candidates", sampler.candidates(start_of(model, query, options.count))},
              {"dtype", compute_name(model.machine.dtype)},
              {"threads", at::get_num_threads()},
              {"repeats", options.repeats},
              {"open_seconds", open_seconds}};
  add_spread(facts, "seconds", seconds);
  add_spread(facts, "images_per_second", rates);
  print_facts(facts, options.json);
}

}  // namespace

void add_bench_generate(CLI::App& bench) {
  auto options = std::make_shared<BenchGenerateOptions>();
  CLI::App* command = bench.add_subcommand("generate", "seconds to make pictures for a caption");
  command->footer("Example:\n  palimpsest bench generate checkpoints/emoji --count 8 --steps 16 --json");
  command->add_option("CHECKPOINT", options->checkpoint, "a checkpoint, a run or a name under checkpoints/")
      ->required();
  command->add_option("--caption", options->caption, "what the pictures are to show")->capture_default_str();
  command->add_option("--count", options->count, "pictures at once")->capture_default_str();
  command->add_option("--steps", options->steps, "sampler steps")->capture_default_str();
  command->add_option("--repeats", options->repeats, "how often")->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on stdout");
  add_options(*command, options->machine);
  command->callback([options] { run_bench_generate(*options); });
}

}  // namespace palimpsest
