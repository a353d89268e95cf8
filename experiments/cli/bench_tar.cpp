// palimpsest bench tar: reading every member of a tar, beside `cat FILE | cat >/dev/null`.
#include "base/child_process.h"
#include "base/errors.h"
#include "datasets/sources/tar_file.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

struct BenchTarOptions {
  std::string file;
  std::int64_t repeats = 7;
  bool apart = false;  // by a process of its own?
  bool json = false;
};

struct TarContent {
  std::int64_t members = 0, bytes = 0;
};

TarContent read_every_member(const std::string& path, const ArchiveOpener& open) {
  TarFile tar(path, open);
  TarContent content;
  while (tar.advance()) {
    content.bytes += static_cast<std::int64_t>(tar.read().size());
    ++content.members;
  }
  return content;
}

// Both in turn, so that what else the machine does falls on both; the first round fills the page cache and is dropped.
void run_bench_tar(const BenchTarOptions& options) {
  if (options.repeats < 1) throw InputError("command line", "--repeats", "must be at least 1");
  const double megabytes = static_cast<double>(std::filesystem::file_size(options.file)) / 1e6;
  const ArchiveOpener open = options.apart
                                 ? apart_archives({.program = std::filesystem::read_symlink("/proc/self/exe").string()})
                                 : open_archive;
  TarContent content;
  std::vector<double> ours, cats, shares;
  for (std::int64_t repeat = 0; repeat <= options.repeats; ++repeat) {
    const Stopwatch reading;
    content = read_every_member(options.file, open);
    const double own = reading.seconds();
    const Stopwatch piping;
    program_output({"sh", "-c", "cat \"$1\" | cat >/dev/null", "sh", options.file});
    const double cat = piping.seconds();
    if (repeat == 0) continue;
    ours.push_back(megabytes / own);
    cats.push_back(megabytes / cat);
    shares.push_back(cat / own);
  }
  Facts facts{
      {"file", options.file}, {"apart", options.apart}, {"members", content.members}, {"content_bytes", content.bytes}};
  add_spread(facts, "megabytes_a_second", ours);
  add_spread(facts, "cat_megabytes_a_second", cats);
  add_spread(facts, "share_of_cat", shares);
  print_facts(facts, options.json);
}

}  // namespace

void add_bench_tar(CLI::App& bench) {
  auto options = std::make_shared<BenchTarOptions>();
  CLI::App* command = bench.add_subcommand("tar", "reading every member of a tar, beside cat FILE | cat >/dev/null");
  command->footer("Example:\n  palimpsest bench tar shards/train-000.tar --json");
  command->add_option("FILE", options->file, "a tar")->required()->check(CLI::ExistingFile);
  command->add_option("--repeats", options->repeats, "rounds after the first, which fills the cache")
      ->capture_default_str();
  command->add_flag("--apart", options->apart, "by a process of its own, as with prepare.apart");
  command->add_flag("--json", options->json, "one JSON object on stdout");
  command->callback([options] { run_bench_tar(*options); });
}

}  // namespace palimpsest
