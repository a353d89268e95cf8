// A data set of three roles small enough to be prepared many times: the tiny tar, its captions spoken, untrained
// tokenizers.
#pragma once

#include "datasets/prepare/ledger.h"
#include "datasets/prepare/prepare.h"
#include "datasets/shards/manifest.h"
#include "tests/datasets/small_data.h"
#include "tests/support/scratch.h"
#include "tests/support/tree.h"
#include "tests/tokenizers/untrained.h"

namespace palimpsest {

class TinyPreparation {
 public:
  TinyPreparation() { test::save_untrained_tokenizers(folder / "tokenizers"); }

  // Splits "train" and "held-out" of 24 samples; shards of eight, tokenized four at once. Sounds are kept from test to
  // test.
  PrepareOptions options() const {
    PrepareOptions options;
    options.data = tiny_data();
    RoleOptions& picture = options.data.roles.at("picture");
    picture.rows = picture.columns = 16;
    picture.fit = FitPolicy::kCrop;
    options.data.roles["speech"] = speech_role();
    options.data.splits = {{"train", {}}, {"held-out", {}}};
    options.data.splits["train"].to = options.data.splits["held-out"].from = 0.7;
    options.data.splits["train"].voices = {"slt", "rms"};
    options.data.splits["held-out"].voices = {"awb"};
    options.data.speech.cache = (folder / "speech").string();
    for (const char* role : {"caption", "picture", "speech"})
      options.tokenizers[role].path = (folder / "tokenizers" / role).string();
    options.prepare = {8, 4};
    return options;
  }

  // The same with captions alone: nothing to speak, little to compute.
  PrepareOptions captions() const {
    PrepareOptions options = this->options();
    options.tokenizers.erase("picture");
    options.tokenizers.erase("speech");
    return options;
  }

  PrepareReport prepare(const PrepareOptions& options, const std::string& name) const {
    return prepare_data(options, folder / name);
  }
  std::map<std::string, std::string> files(const std::string& name) const { return files_of(folder / name); }
  std::vector<LedgerRow> ledger(const std::string& name) const {
    return read_ledger(folder / name, read_manifest(folder / name).ledger_bytes);
  }

  ScratchFolder folder;
};

}  // namespace palimpsest
