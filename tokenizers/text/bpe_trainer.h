// Learns the merges of a byte-pair tokenizer from texts.
#pragma once

#include "base/options.h"
#include "tokenizers/text/bpe.h"
#include "tokenizers/trainable.h"

namespace palimpsest {

struct TextTokenizerOptions {
  std::int64_t vocabulary = 1'024;  // ids at most, the 256 bytes among them
  std::int64_t least_count = 2;     // a pair seen less often is not merged

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("vocabulary", self.vocabulary, "ids at most, the 256 bytes among them");
    visitor("least_count", self.least_count, "a pair seen less often is not merged");
  }
  void validate() const;
};

// Merges the most frequent pair, again and again; of equals the one with the smaller ids. The order of texts does not
// matter.
BytePairTable train_bpe(const std::vector<std::string>& texts, const TextTokenizerOptions& options);

// A byte-pair tokenizer in the trainer's hands: it learns all it can from observe(), and has nothing to learn by
// gradient.
class TrainableBytePair : public TrainableTokenizer {
 public:
  explicit TrainableBytePair(TextTokenizerOptions options);

  std::string kind() const override { return "bpe"; }
  const CodeSpace& space() const override { return tokenizer_->space(); }
  Layout layout(std::int64_t length) const override { return tokenizer_->layout(length); }
  std::vector<Codes> encode(const std::vector<Media>& batch) const override { return tokenizer_->encode(batch); }
  std::vector<Media> decode(const std::vector<Codes>& batch) const override { return tokenizer_->decode(batch); }
  void save(const std::filesystem::path& directory) const override { tokenizer_->save(directory); }

  ParameterSet& parameters() override { return parameters_; }
  // No gradient: the loss is 0, the figure is ids a byte of text.
  LossReport loss(const std::vector<Media>& batch, RandomKey key) override;
  void observe(const std::vector<Media>& sample) override;

 private:
  TextTokenizerOptions options_;
  ParameterSet parameters_;
  std::unique_ptr<BytePairTokenizer> tokenizer_;
};

}  // namespace palimpsest
