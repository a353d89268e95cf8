#include "tokenizers/make.h"

#include "base/options.h"
#include "tokenizers/audio/speech_codec.h"
#include "tokenizers/image/fsq_image.h"
#include "tokenizers/text/bpe_trainer.h"

namespace palimpsest {

namespace {

enum class TokenizerKind { kBytePair, kImage, kSpeech };
constexpr auto enum_names(TokenizerKind) {
  return std::array{std::pair{TokenizerKind::kBytePair, "bpe"}, std::pair{TokenizerKind::kImage, "fsq-image"},
                    std::pair{TokenizerKind::kSpeech, "speech-codec"}};
}

}  // namespace

std::unique_ptr<TrainableTokenizer> make_trainable(const TokenizerRequest& request, RandomKey key) {
  switch (parse_enum<TokenizerKind>(request.kind, request.file, "kind")) {
    case TokenizerKind::kBytePair:
      return std::make_unique<TrainableBytePair>(
          read_options<TextTokenizerOptions>(request.options, request.file, request.key));
    case TokenizerKind::kImage:
      return std::make_unique<FsqImageTokenizer>(
          read_options<ImageTokenizerOptions>(request.options, request.file, request.key), key);
    case TokenizerKind::kSpeech:
      return std::make_unique<SpeechCodec>(
          read_options<AudioTokenizerOptions>(request.options, request.file, request.key), key);
  }
  TORCH_CHECK(false, "make_trainable: a kind without a maker");
}

TokenizerRequest tokenizer_request(const toml::table& table, const std::string& file, const std::string& key) {
  TokenizerRequest request{"", {}, file, key + ".options"};
  for (const auto& [name, node] : table) {
    if (name.str() == "kind" && node.is_string()) {
      request.kind = **node.as_string();
    } else if (name.str() == "options" && node.is_table()) {
      request.options = *node.as_table();
    } else {
      const std::vector<std::string> valid{"kind", "options"};
      const std::string given(name.str());
      throw InputError(
          file, key + "." + given,
          given == "kind" || given == "options" ? "has the wrong type" : "unknown key" + suggest(given, valid));
    }
  }
  if (request.kind.empty()) throw InputError(file, key + ".kind", "is missing");
  return request;
}

}  // namespace palimpsest
