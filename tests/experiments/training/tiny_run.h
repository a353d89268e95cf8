// A data set of short texts, its tokenizer and its shards, made by the program itself; and runs of the program.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "tests/support/command.h"
#include "tests/support/scratch.h"

namespace palimpsest {

class TinyRun {
 public:
  TinyRun() {
    const std::vector<std::string> colours{"red", "green", "blue", "grey"},
        things{"apple", "pear", "fish", "house", "tree", "key"};
    for (const std::string& colour : colours) {
      for (const std::string& thing : things) {
        folder.write("media/" + colour + "-" + thing + ".txt", colour + " " + thing);
        folder.write("media/" + colour + "-" + thing + ".title", thing);
      }
    }
    folder.write("bpe.toml",
                 "kind = 'tokenizer'\n[tokenizer]\nkind = 'bpe'\nrole = 'caption'\nvalidation = ['held-out']\n"
                 "[tokenizer.options]\nvocabulary = 280\n" +
                     data_table() + "[training]\nsteps = 1\nbatch = 4\n");
    folder.write("prepare.toml", data_table() + tokenizer_tables());
    folder.write("backbone.toml", backbone_recipe());
  }

  // Runs `palimpsest ARGUMENTS` in the folder, on one thread of the CPU in float32.
  CommandOutcome run(const std::string& arguments, const std::string& environment = "") const {
    return finish_command(folder, start(arguments, environment));
  }

  // Starts it and returns its process id.
  pid_t start(const std::string& arguments, const std::string& environment = "") const {
    return start_command(folder, palimpsest_command(arguments + " --threads 1 --dtype fp32 --device cpu", environment));
  }

  // Tokenizer and shards, once.
  void make_shards() const {
    const CommandOutcome trained = run("train bpe.toml --run ./runs/bpe --export runs/bpe/tokenizer");
    ASSERT_EQ(trained.code, 0) << trained.err;
    const CommandOutcome prepared = run("prepare prepare.toml --out shards");
    ASSERT_EQ(prepared.code, 0) << prepared.err;
  }

  // The run's log without wall times.
  std::vector<std::string> log(const std::string& name) const {
    std::istringstream text(folder.read("runs/" + name + "/log.jsonl"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) {
      nlohmann::json parsed = nlohmann::json::parse(line);
      for (const char* spent : {"seconds", "save_stall_seconds", "joules", "gpu_joules", "sent_bytes_a_step"})
        parsed.erase(spent);
      lines.push_back(parsed.dump());
    }
    return lines;
  }

  ScratchFolder folder;

 private:
  static std::string data_table() {
    return "[data]\nsource = 'media'\n"
           "[data.roles.caption]\nkind = 'text'\nmembers = ['txt']\n"
           "[data.roles.title]\nkind = 'text'\nmembers = ['title']\n"
           "[data.splits.train]\nfrom = 0.0\nto = 0.7\n"
           "[data.splits.held-out]\nfrom = 0.7\nto = 1.0\n";
  }
  static std::string tokenizer_tables() {
    return "[tokenizers.caption]\npath = 'runs/bpe/tokenizer'\n[tokenizers.title]\npath = 'runs/bpe/tokenizer'\n";
  }
  static std::string backbone_recipe() {
    return "kind = 'backbone'\n[data]\ndirectory = 'shards'\nvalidation = ['held-out']\n" + tokenizer_tables() +
           "[canvas]\norder = ['caption', 'title']\n"
           "[canvas.roles.caption]\nbound = 12\nelastic = true\n[canvas.roles.title]\nbound = 8\nelastic = true\n"
           "[backbone]\nwidth = 16\nlayers = 1\nheads = 2\nkey_value_heads = 1\n"
           "[training]\nsteps = 20\nbatch = 4\noptimizer = 'muon'\nwarmup_steps = 4\ndecay = 'cosine'\n"
           "checkpoint_every = 6\nvalidate_every = 9\nlog_every = 2\n";
  }
};

}  // namespace palimpsest
