// Tokenizer: media to ids and back.
//
// Shapes: L ids.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/machine.h"
#include "modalities/canvas/layout.h"
#include "modalities/media/media.h"

namespace palimpsest {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::string kind() const = 0;  // "bpe", "fsq-image", "speech-codec": the name in tokenizer.json
  virtual const CodeSpace& space() const = 0;

  // The layout of the first `length` ids a media item of `length` ids has (text index; image grid; audio frames).
  // c10::Error when no item can have that many (an image of 63 tokens).
  virtual Layout layout(std::int64_t length) const = 0;

  // One Codes an item, in order; each the same as if it were alone (batches are cut in fixed sizes, padded). InputError
  // for media of another kind or form. Decoding takes ids in [0, space().size()) whose number layout() knows;
  // c10::Error otherwise.
  virtual std::vector<Codes> encode(const std::vector<Media>& batch) const = 0;
  virtual std::vector<Media> decode(const std::vector<Codes>& batch) const = 0;

  // Writes tokenizer.json (kind and settings) and its weights into an existing directory.
  virtual void save(const std::filesystem::path& directory) const = 0;

  // Moves weights; tokenizers start on the CPU in float32.
  virtual void to(const Machine& machine) { (void)machine; }

  // Sample rate that audio must have; 0 when the tokenizer reads no audio.
  virtual std::int64_t sample_rate() const { return 0; }

  // Rows and columns that pictures must have; 0 when the tokenizer reads no pictures.
  virtual std::int64_t picture_size() const { return 0; }
};

// Hash of weights and settings, 16 hex digits: the bytes of every file of the directory in name order.
std::string tokenizer_fingerprint(const std::filesystem::path& directory);

// Opens a directory written by Tokenizer::save, or a GPT-2 folder (vocab.json + merges.txt). InputError: not a
// tokenizer, unknown kind, weights that do not fit the settings.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& directory);

}  // namespace palimpsest
