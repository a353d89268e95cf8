// palimpsest bench load: from media to samples, from shards to rows, from rows to packed canvases, and how long a step
// waits for its batch; beside webdataset, Pillow, tokenizers and h5py.
#include "experiments/cli/bench_load.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <iostream>

#include "base/child_process.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "datasets/sources/data_options.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/bench_peer.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

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
  write_bench_pages(options, pages);
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

void BenchLoadOptions::validate() const {
  for (const auto& [name, value] :
       {std::pair{"--pixels", pixels}, std::pair{"--caption", caption}, std::pair{"--batch", batch},
        std::pair{"--length", length}, std::pair{"--pairs", pairs}, std::pair{"--steps", steps}}) {
    if (value < 1) throw InputError("command line", name, "must be at least 1");
  }
  if (rows < batch) throw InputError("command line", "--rows", "must be at least one batch");
}

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
