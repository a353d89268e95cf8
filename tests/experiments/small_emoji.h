// A few emoji with untrained tokenizers, small enough that the whole course takes seconds.
#pragma once

#include "base/files.h"
#include "datasets/loading/media_set.h"
#include "modalities/media/files.h"
#include "tests/pipelines/tiny_checkpoint.h"
#include "tests/support/scratch.h"

namespace palimpsest::test {

inline const std::filesystem::path kSource = PALIMPSEST_SOURCE_DIR;

// The first `count` keys of one of the bundled set's splits, a line each.
inline std::string first_keys(const std::string& split, std::size_t count) {
  const std::string all = read_file(kSource / "datasets/bundled/emoji4/splits" / (split + ".txt"));
  std::size_t end = 0;
  for (std::size_t line = 0; line < count; ++line) end = all.find('\n', end) + 1;
  return all.substr(0, end);
}

// tokenizers/{caption,picture,speech} of 16x16 pictures.
inline void save_tokenizers(const ScratchFolder& folder) {
  for (const auto& [role, tokenizer] : untrained_tokenizers()) {
    std::filesystem::create_directories(folder / ("tokenizers/" + role));
    tokenizer->save(folder / ("tokenizers/" + role));
  }
}

// Overrides that make a prepare recipe small: these tokenizers, pictures of their size.
inline std::string small_data_settings() { return " data.roles.picture.rows=16 data.roles.picture.columns=16"; }

inline std::string small_tokenizer_settings() {
  std::string settings;
  for (const char* role : {"caption", "picture", "speech"}) {
    settings += std::string(" tokenizers.") + role + ".path=tokenizers/" + role;
  }
  return settings;
}

// Overrides that make a training recipe small.
inline std::string small_training_settings() {
  return " canvas.roles.caption.bound=80 canvas.roles.picture.bound=4 canvas.roles.speech.bound=160"
         " backbone.width=16 backbone.layers=1 backbone.heads=2 backbone.key_value_heads=2"
         " backbone.digits.image=[4,4] backbone.digits.audio=[4,4]"
         " training.batch=4 training.warmup_steps=1 data.validation_rows=4";
}

}  // namespace palimpsest::test
