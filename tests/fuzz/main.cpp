// fuzz: replays the corpus of each target, then runs it on mutated bytes.
//
//   fuzz [--seconds S] [--rounds N] [--seed K] [--only TARGET] CORPUS      CORPUS holds a folder a target
//
// Before each run its bytes are written to fuzz-TARGET.input in the working directory (with --keep), so that what a
// signal or a sanitizer ended is there to be looked at; rounds are keyed by --seed and their number.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/files.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/targets.h"

namespace palimpsest {

namespace {

struct FuzzOptions {
  double seconds = 0;
  std::int64_t rounds = 0;
  std::uint64_t seed = 0;
  std::string only, corpus;
  bool keep = false;
};

FuzzOptions read_arguments(int count, char** arguments) {
  FuzzOptions options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto value = [&]() -> const char* { return i + 1 < count ? arguments[++i] : ""; };
    if (argument == "--seconds") {
      options.seconds = std::atof(value());
    } else if (argument == "--rounds") {
      options.rounds = std::atoll(value());
    } else if (argument == "--seed") {
      options.seed = std::strtoull(value(), nullptr, 10);
    } else if (argument == "--only") {
      options.only = value();
    } else if (argument == "--keep") {
      options.keep = true;
    } else {
      options.corpus = argument;
    }
  }
  return options;
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& file : files) corpus.push_back(read_file(file));
  return corpus;
}

void run_kept(const FuzzTarget& target, const std::string& bytes, const FuzzOptions& options, const std::string& what) {
  if (options.keep) std::ofstream("fuzz-" + target.name + ".input", std::ios::binary) << bytes;
  try {
    run_target(target, bytes);
  } catch (const std::exception& error) {
    std::cerr << "fuzz " << target.name << ", " << what << ": " << error.what() << "\n";
    std::ofstream("fuzz-" + target.name + ".input", std::ios::binary) << bytes;
    std::exit(1);
  }
}

void fuzz(const FuzzTarget& target, const FuzzOptions& options) {
  const std::vector<std::string> corpus = read_corpus(std::filesystem::path(options.corpus) / target.name);
  for (std::size_t i = 0; i < corpus.size(); ++i) run_kept(target, corpus[i], options, "corpus " + std::to_string(i));
  const auto begin = std::chrono::steady_clock::now();
  const RandomKey key = RandomKey::root(options.seed).fold(target.name);
  std::int64_t round = 0;
  const auto goes_on = [&] {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return round < options.rounds || seconds < options.seconds;
  };
  for (; goes_on(); ++round)
    run_kept(target, mutated(corpus, key.fold(static_cast<std::uint64_t>(round))), options,
             "round " + std::to_string(round));
  std::printf("%s: %zu of the corpus, %lld mutated\n", target.name.c_str(), corpus.size(),
              static_cast<long long>(round));
}

}  // namespace

int run_fuzz(int count, char** arguments) {
  const FuzzOptions options = read_arguments(count, arguments);
  if (options.corpus.empty()) {
    std::cerr << "usage: fuzz [--seconds S] [--rounds N] [--seed K] [--only TARGET] [--keep] CORPUS\n";
    return 2;
  }
  bool any = false;
  for (const FuzzTarget& target : fuzz_targets()) {
    if (!options.only.empty() && options.only != target.name) continue;
    any = true;
    fuzz(target, options);
  }
  if (!any) std::cerr << "fuzz: no target '" << options.only << "'\n";
  return any ? 0 : 2;
}

}  // namespace palimpsest

int main(int count, char** arguments) { return palimpsest::run_fuzz(count, arguments); }
