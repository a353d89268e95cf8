// A tokenizer of every kind, untrained and small enough for a test.
#pragma once

#include "tokenizers/audio/speech_codec.h"
#include "tokenizers/image/fsq_image.h"
#include "tokenizers/text/bpe.h"

namespace palimpsest::test {

// By role: bytes, pictures of 16x16 pixels (four ids), sounds at 16 kHz.
inline std::map<std::string, std::shared_ptr<Tokenizer>> untrained_tokenizers() {
  ImageTokenizerOptions image;
  image.size = 16;
  image.levels = {4, 4};
  image.widths = {8, 8};
  image.hidden = {8, 8};
  AudioTokenizerOptions audio;
  audio.levels = {4, 4};
  audio.widths = {8, 8};
  audio.hidden = {8, 8};
  audio.griffin_lim.iterations = 2;
  return {{"caption", std::make_shared<BytePairTokenizer>(byte_table())},
          {"picture", std::make_shared<FsqImageTokenizer>(image, RandomKey::root(1))},
          {"speech", std::make_shared<SpeechCodec>(audio, RandomKey::root(2))}};
}

// Saves them as DIRECTORY/ROLE.
inline void save_untrained_tokenizers(const std::filesystem::path& directory) {
  for (const auto& [role, tokenizer] : untrained_tokenizers()) {
    std::filesystem::create_directories(directory / role);
    tokenizer->save(directory / role);
  }
}

}  // namespace palimpsest::test
