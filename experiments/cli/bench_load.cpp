// palimpsest bench load: from media to samples, from shards to rows, from rows to packed canvases, and how long a step
// waits for its batch; beside webdataset, Pillow, tokenizers and h5py.
//
// Shapes: B rows, L positions, S pixels a side.
#include <ATen/Parallel.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <numeric>

#include "backbone/diffusion/diffusion.h"
#include "base/child_process.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "base/recipe.h"
#include "datasets/loading/mixture.h"
#include "datasets/loading/prefetch.h"
#include "datasets/shards/manifest.h"
#include "datasets/sources/open_source.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/bench_peer.h"
#include "experiments/cli/bench_task.h"
#include "experiments/cli/measure.h"
#include "experiments/training/trainer.h"
#include "modalities/canvas/packing.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kIds = 5632, kShardRows = 16'384, kWindowRows = 16'384;
constexpr std::int64_t kMemoryBytes = 32 << 20;  // less than the rows take: they are read and verified again and again
constexpr std::int64_t kPackedRow = 1024, kPackedDocuments = 4096, kShortestDocument = 16;

struct BenchLoadOptions {
  std::string tar = "datasets/bundled/emoji4/emoji4.tar.gz", bpe = "tests/data/gpt2";
  std::int64_t pixels = 32, caption = 32, batch = 64;
  std::int64_t rows = 100'000, length = 320, pairs = 3, steps = 20;
  bool alone = false, json = false;

  void validate() const {
    for (const auto& [name, value] :
         {std::pair{"--pixels", pixels}, std::pair{"--caption", caption}, std::pair{"--batch", batch},
          std::pair{"--length", length}, std::pair{"--pairs", pairs}, std::pair{"--steps", steps}}) {
      if (value < 1) throw InputError("command line", name, "must be at least 1");
    }
    if (rows < batch) throw InputError("command line", "--rows", "must be at least one batch");
  }
};

// A plain tar of the same members: what both sides read.
fs::path plain_tar(const fs::path& tar, const fs::path& folder) {
  if (tar.extension() != ".gz") return tar;
  const fs::path plain = folder / tar.stem();
  std::ofstream(plain, std::ios::binary) << program_output({"gzip", "-dc", tar.string()});
  return plain;
}

// ---- media ------------------------------------------------------------------------------------------------------

DataOptions media_options(const fs::path& tar, std::int64_t pixels) {
  DataOptions data;
  data.source = tar.string();
  RoleOptions& picture = data.roles["picture"];
  picture.kind = "image";
  picture.members = {"webp", "png", "jpg"};
  picture.rows = picture.columns = pixels;
  picture.fit = FitPolicy::kStretch;
  RoleOptions& caption = data.roles["caption"];
  caption.kind = "text";
  caption.members = {"json"};
  caption.field = "caption";
  data.splits["all"] = {};
  return data;
}

// As a network takes it: float32 [3,S,S] in -1..1.
at::Tensor pixels_3SS(const Image& image) {
  return image.pixels_HWC.to(at::kFloat).div_(127.5).sub_(1).permute({2, 0, 1});
}

// Samples a second of one thread: tar, decoding, resizing, text to ids, batches of pictures.
double media_rate(const BenchLoadOptions& options, const fs::path& tar, const Tokenizer& bpe) {
  const Stopwatch watch;
  const auto source = open_source(media_options(tar, options.pixels), "all");
  std::int64_t samples = 0;
  std::vector<at::Tensor> pictures;
  std::vector<Media> captions;
  const auto finish_batch = [&] {
    bpe.encode(captions);
    at::stack(pictures);
    samples += static_cast<std::int64_t>(captions.size());
    captions.clear();
    pictures.clear();
  };
  while (auto result = source->next()) {
    finish(*result);
    if (!result->error.empty()) throw InputError(tar.string(), result->sample.key, result->error);
    pictures.push_back(pixels_3SS(std::get<Image>(result->sample.roles.at("picture"))));
    captions.push_back(result->sample.roles.at("caption"));
    if (static_cast<std::int64_t>(captions.size()) == options.batch) finish_batch();
  }
  if (!captions.empty()) finish_batch();
  return static_cast<double>(samples) / watch.seconds();
}

// ---- rows of tokens ---------------------------------------------------------------------------------------------

at::Tensor random_ids(std::int64_t count, RandomKey key) {
  at::Tensor ids = at::empty({count}, at::kLong);
  std::int64_t* id = ids.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i)
    id[i] = static_cast<std::int64_t>(key.below(kIds, static_cast<std::uint64_t>(i)));
  return ids;
}

Shard shard_of_pages(std::int64_t rows, std::int64_t length, RandomKey key) {
  Shard shard{"train", "bench", {}, {}, {}};
  for (std::int64_t row = 0; row < rows; ++row) shard.keys.push_back(std::to_string(row));
  shard.meta.resize(static_cast<std::size_t>(rows));
  shard.roles["page"] = {{"bench", {"text", {kIds}}},
                         random_ids(rows * length, key),
                         at::arange(0, (rows + 1) * length, length, at::kLong),
                         at::ones({rows}, at::kBool),
                         text_layout(length).coordinates_LA};
  return shard;
}

// A prepared directory of equally long rows.
void write_pages(const BenchLoadOptions& options, const fs::path& directory) {
  fs::create_directories(directory);
  Manifest manifest;
  manifest.roles["page"] = {"bench", {"text", {kIds}}};
  SplitEntry& split = manifest.splits["train"];
  for (std::int64_t begin = 0; begin < options.rows; begin += kShardRows) {
    const Shard shard = shard_of_pages(std::min(kShardRows, options.rows - begin), options.length,
                                       RandomKey::root(1).fold(static_cast<std::uint64_t>(begin)));
    const std::string file = "train-" + std::to_string(split.shards.size()) + ".h5";
    const FormattedShard formatted = format_shard(shard);
    std::ofstream(directory / file, std::ios::binary) << formatted.bytes;
    split.shards.push_back(describe_shard(file, shard, formatted, shard.rows()));
  }
  split.complete = true;
  write_manifest(directory, manifest);
}

// Rows a second of one thread, gathered into batches; `row_at` says which row comes next.
template <class RowAt>
double row_rate(const BenchLoadOptions& options, const TokenSet& set, const RowAt& row_at) {
  const at::Tensor batch_BL = at::empty({options.batch, options.length}, at::kLong);
  std::int64_t* out = batch_BL.mutable_data_ptr<std::int64_t>();
  const RoleReader page(set, "page");
  const Stopwatch watch;
  for (std::int64_t position = 0; position < options.rows; ++position)
    page.copy_ids(row_at(position), out + position % options.batch * options.length);
  return static_cast<double>(options.rows) / watch.seconds();
}

struct RowRates {
  double in_order = 0, shuffled = 0;
};

RowRates row_rates(const BenchLoadOptions& options, const fs::path& directory) {
  const auto set = open_token_set(directory, "train", kMemoryBytes);
  const ShuffledOrder order(set->group_rows(), kWindowRows, RandomKey::root(2));
  return {row_rate(options, *set, [](std::int64_t position) { return position; }),
          row_rate(options, *set, [&order](std::int64_t position) { return order.row(position); })};
}

// ---- packing ----------------------------------------------------------------------------------------------------

struct PackingFigures {
  double tokens_per_second = 0, fill = 0;
};

// Documents of 16 up to a whole row's length made canvases of long rows.
PackingFigures packing_figures(const BenchLoadOptions& options) {
  const CanvasSchema schema({{"page", text_layout(options.length), true}}, Vocabulary({{"text", {kIds}}}));
  std::vector<Document> documents(static_cast<std::size_t>(kPackedDocuments));
  const RandomKey key = RandomKey::root(3);
  const std::int64_t longest = std::max(options.length, kShortestDocument + 1);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto length = kShortestDocument + static_cast<std::int64_t>(
                                                key.below(static_cast<std::uint64_t>(longest - kShortestDocument), i));
    documents[i].roles["page"] = {random_ids(std::min(length, options.length), key.fold(i)), false, {}};
  }
  const Stopwatch watch;
  std::vector<std::int64_t> lengths;
  for (const Document& document : documents) lengths.push_back(packed_length(schema, document));
  const std::int64_t row = std::max(kPackedRow, options.length);
  const TokenCanvas canvas = pack_canvas(schema, documents, best_fit(lengths, row), row);
  const double tokens = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
  return {tokens / watch.seconds(), fill_of(canvas)};
}

// ---- stall ------------------------------------------------------------------------------------------------------

// A training step on rows of the shards, in the order of a mixture, made ahead by a thread.
class LoadedTask : public TrainingTask {
 public:
  LoadedTask(const BenchPreset& preset, const Machine& machine, std::shared_ptr<TokenSet> set)
      : batch_(preset.batch),
        schema_(bench_schema(preset)),
        diffusion_(bench_diffusion()),
        transformer_(bench_transformer(preset), schema_, RandomKey::root(1)),
        mixture_({{std::move(set), 1.0}}, RandomKey::root(4), kWindowRows),
        prefetcher_([this](std::int64_t step) { return make(step); }, 2) {
    transformer_.set_compute_type(machine.dtype);
  }

  ParameterSet& parameters() override { return transformer_.parameters(); }
  LossReport loss(const StepPosition& position) override {
    const Batch batch = prefetcher_.take(position.step);
    const DiffusionLoss result = diffusion_loss(transformer_, batch.clean, batch.noisy, schema_, diffusion_);
    return {result.loss, result.nats};
  }
  std::map<std::string, double> validate(std::int64_t) override { return {}; }
  std::map<std::string, double> units_a_step() const override { return {}; }
  void save_extras(const fs::path&) const override {}  // nothing of a benchmark is kept

  double waited_seconds() const { return prefetcher_.waited_seconds(); }
  // What a step would wait for were nothing made ahead.
  double making_seconds(std::int64_t steps) const {
    const Stopwatch watch;
    for (std::int64_t step = 0; step < steps; ++step) make(step);
    return watch.seconds();
  }

 private:
  struct Batch {
    TokenCanvas clean;
    NoisyCanvas noisy;
  };
  Batch make(std::int64_t step) const {
    const std::vector<std::int64_t> indices = share_of_step(step, batch_, 0, 1);
    std::vector<Document> documents;
    for (const std::int64_t index : indices) documents.push_back(mixture_.document(mixture_.place(index)));
    const TokenCanvas clean = build_canvas(schema_, documents);
    return {clean, corrupt(clean, schema_, diffusion_, RandomKey::root(5), indices, batch_)};
  }

  std::int64_t batch_;
  CanvasSchema schema_;
  DiffusionOptions diffusion_;
  Transformer transformer_;
  Mixture mixture_;
  Prefetcher<Batch> prefetcher_;  // goes first: its thread uses the rest
};

Facts stall_facts(const BenchLoadOptions& options, const fs::path& directory) {
  BenchPreset preset = find_bench_preset("tiny");
  preset.length = options.length;
  preset.vocabulary = kIds;
  MachineOptions wish;
  wish.device = "cpu";
  LoadedTask task(preset, resolve_machine(wish), open_token_set(directory, "train", kMemoryBytes));
  const TrainingOptions training = bench_training(preset);
  Optimizer optimizer(training, task.parameters(), c10::ScalarType::Float);
  training_step(task, optimizer, training, 0);
  const double waited = task.waited_seconds();
  const Stopwatch watch;
  for (std::int64_t step = 1; step <= options.steps; ++step) {
    stop_if_interrupted();
    training_step(task, optimizer, training, step);
  }
  const double seconds = watch.seconds(), steps = static_cast<double>(options.steps);
  return {{"preset", preset.name},
          {"batch", preset.batch},
          {"steps", options.steps},
          {"threads", at::get_num_threads()},
          {"step_seconds", seconds / steps},
          {"batch_seconds", task.making_seconds(options.steps) / steps},
          {"stall_share", (task.waited_seconds() - waited) / seconds}};
}

// ---- both sides -------------------------------------------------------------------------------------------------

// One way to load, on both sides; figures in turn.
struct LoadRow {
  std::string what, unit, reference;  // what the reference's row is called; "": it has none
  std::vector<double> ours, theirs, ratio;
};

std::vector<LoadRow> load_rows() {
  return {{"media", "samples/s", "webdataset, 0 workers", {}, {}, {}},
          {"rows in order", "rows/s", "h5py, in order", {}, {}, {}},
          {"rows shuffled", "rows/s", "h5py, rows shuffled (sorted index)", {}, {}, {}},
          {"packing", "tokens/s", "", {}, {}, {}}};
}

std::vector<PeerRow> reference_rows(const PythonPeer& peer, const BenchLoadOptions& options, const fs::path& tar,
                                    const fs::path& bpe) {
  return peer.rows({"--tar", tar.string(), "--bpe", bpe.string(), "--size", std::to_string(options.pixels), "--caption",
                    std::to_string(options.caption), "--batch", std::to_string(options.batch), "--rows",
                    std::to_string(options.rows), "--length", std::to_string(options.length), "--repeat", "1"});
}

void add_reference_rates(std::vector<LoadRow>& rows, const std::vector<PeerRow>& reference) {
  for (LoadRow& row : rows) {
    if (row.reference.empty()) continue;
    const auto found = std::find_if(reference.begin(), reference.end(), [&row](const PeerRow& theirs) {
      return theirs.value("what", "") == row.reference;
    });
    if (found == reference.end()) throw InputError("load.py", row.reference, "it printed no such row");
    row.theirs.push_back(peer_figure(*found, row.unit));
    row.ratio.push_back(row.ours.back() / row.theirs.back());
  }
}

Facts row_facts(const LoadRow& row) {
  Facts facts{{"what", row.what}, {"unit", row.unit}};
  add_spread(facts, "ours", row.ours);
  facts["reference_is"] = row.reference.empty() ? Facts() : Facts(row.reference);
  add_spread(facts, "reference", row.theirs);
  add_spread(facts, "ratio", row.ratio);
  return facts;
}

void run_bench_load(const BenchLoadOptions& options) {
  options.validate();
  std::optional<PythonPeer> peer;
  if (!options.alone) peer.emplace("load.py");
  catch_interrupts();
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // all rates are of one thread
  const ScratchDirectory scratch("bench-load");
  const fs::path tar = plain_tar(find_data(options.tar, "--tar"), scratch.path()),
                 bpe_folder = find_data(options.bpe, "--bpe"), pages = scratch.path() / "pages";
  const auto bpe = load_tokenizer(bpe_folder);
  write_pages(options, pages);
  std::vector<LoadRow> rows = load_rows();
  double fill = 0;
  for (std::int64_t pair = 0; pair < options.pairs; ++pair) {
    stop_if_interrupted();
    const double media = media_rate(options, tar, *bpe);
    const RowRates rates = row_rates(options, pages);
    const PackingFigures packing = packing_figures(options);
    fill = packing.fill;
    const std::array ours{media, rates.in_order, rates.shuffled, packing.tokens_per_second};
    for (std::size_t row = 0; row < rows.size(); ++row) rows[row].ours.push_back(ours[row]);
    if (peer) add_reference_rates(rows, reference_rows(*peer, options, tar, bpe_folder));
    std::cerr << "round " << pair + 1 << " of " << options.pairs << "\n";
  }
  at::set_num_threads(threads);
  Facts facts{
      {"pixels", options.pixels}, {"rows_of", options.length}, {"pairs", options.pairs}, {"rows", Facts::array()}};
  for (const LoadRow& row : rows) facts["rows"].push_back(row_facts(row));
  facts["packing_fill"] = fill;
  facts["stall"] = stall_facts(options, pages);
  print_facts(facts, options.json);
}

}  // namespace

void add_bench_load(CLI::App& bench) {
  auto options = std::make_shared<BenchLoadOptions>();
  CLI::App* command = bench.add_subcommand("load", "loading media and tokens beside webdataset and h5py, in turn");
  command->footer(
      "Example:\n  palimpsest bench load --json\n"
      "Rates are of one thread, medians over the pairs with the lowest and highest; './run bench' sets the reference "
      "up.");
  command->add_option("--tar", options->tar, "captioned pictures: KEY.webp (or png, jpg) and KEY.json")
      ->capture_default_str();
  command->add_option("--bpe", options->bpe, "folder with vocab.json and merges.txt")->capture_default_str();
  command->add_option("--pixels", options->pixels, "pictures are resized to this many pixels a side")
      ->capture_default_str();
  command->add_option("--caption", options->caption, "the reference's caption ids, padded")->capture_default_str();
  command->add_option("--batch", options->batch, "samples gathered at once")->capture_default_str();
  command->add_option("--rows", options->rows, "rows of the shards")->capture_default_str();
  command->add_option("--length", options->length, "ids of a row")->capture_default_str();
  command->add_option("--pairs", options->pairs, "how often both sides are measured, in turn")->capture_default_str();
  command->add_option("--steps", options->steps, "training steps whose waiting is measured")->capture_default_str();
  command->add_flag("--alone", options->alone, "without the reference");
  command->add_flag("--json", options->json, "one JSON object on stdout");
  command->callback([options] { run_bench_load(*options); });
}

}  // namespace palimpsest
