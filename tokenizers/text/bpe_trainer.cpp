#include "tokenizers/text/bpe_trainer.h"

#include <set>

#include "base/errors.h"

namespace palimpsest {

namespace {

using Pair = std::pair<std::int64_t, std::int64_t>;

struct Word {
  std::vector<std::int64_t> ids;
  std::int64_t count = 0;
};

// The corpus as distinct pieces, with how often each pair stands in it and in which pieces.
class PairCounts {
 public:
  explicit PairCounts(const std::vector<std::string>& texts) {
    const Gpt2Pretokenizer pretokenizer;
    std::map<std::string, std::int64_t, std::less<>> pieces;
    for (const std::string& text : texts) {
      for (const std::string_view piece : pretokenizer.split(text)) ++pieces[std::string(piece)];
    }
    for (const auto& [piece, count] : pieces) {
      Word word{{}, count};
      for (const char byte : piece) word.ids.push_back(static_cast<unsigned char>(byte));
      words_.push_back(std::move(word));
      add(words_.size() - 1, 1);
    }
  }

  // The most frequent pair, of equals the smallest; nothing below `least`.
  std::optional<Pair> best(std::int64_t least) const {
    std::optional<Pair> found;
    std::int64_t most = least - 1;
    for (const auto& [pair, count] : counts_) {  // in order of ids: the first of equals is the smallest
      if (count > most) {
        most = count;
        found = pair;
      }
    }
    return found;
  }

  void merge(Pair pair, std::int64_t id) {
    const std::set<std::size_t> touched = places_[pair];
    for (const std::size_t index : touched) {
      add(index, -1);
      words_[index].ids = merged(words_[index].ids, pair, id);
      add(index, 1);
    }
  }

 private:
  static std::vector<std::int64_t> merged(const std::vector<std::int64_t>& ids, Pair pair, std::int64_t id) {
    std::vector<std::int64_t> result;
    for (std::size_t at = 0; at < ids.size(); ++at) {
      const bool here = at + 1 < ids.size() && ids[at] == pair.first && ids[at + 1] == pair.second;
      result.push_back(here ? id : ids[at]);
      at += here ? 1 : 0;
    }
    return result;
  }

  // Counts the pairs of a word in (+1) or out (-1).
  void add(std::size_t index, std::int64_t sign) {
    const Word& word = words_[index];
    for (std::size_t at = 0; at + 1 < word.ids.size(); ++at) {
      const Pair pair{word.ids[at], word.ids[at + 1]};
      std::int64_t& count = counts_[pair];
      count += sign * word.count;
      if (sign > 0) {
        places_[pair].insert(index);
      } else if (const auto found = places_.find(pair); found != places_.end()) {
        found->second.erase(index);
      }
      if (count == 0) {
        counts_.erase(pair);
        places_.erase(pair);
      }
    }
  }

  std::vector<Word> words_;
  std::map<Pair, std::int64_t> counts_;
  std::map<Pair, std::set<std::size_t>> places_;
};

std::vector<std::string> texts_of(const std::vector<Media>& sample) {
  std::vector<std::string> texts;
  for (const Media& media : sample) {
    const Text* text = std::get_if<Text>(&media);
    if (!text) throw InputError("", "", "bpe learns from text, got " + std::string(media_kind(media)));
    texts.push_back(text->utf8);
  }
  return texts;
}

}  // namespace

void TextTokenizerOptions::validate() const {
  if (vocabulary < 256 || vocabulary > 1'000'000) throw InputError("", "vocabulary", "must be 256 to 1,000,000");
  if (least_count < 1) throw InputError("", "least_count", "must be positive");
}

BytePairTable train_bpe(const std::vector<std::string>& texts, const TextTokenizerOptions& options) {
  options.validate();
  BytePairTable table = byte_table();
  PairCounts counts(texts);
  std::set<std::string> known(table.bytes_of_id.begin(), table.bytes_of_id.end());
  while (static_cast<std::int64_t>(table.bytes_of_id.size()) < options.vocabulary) {
    const std::optional<Pair> pair = counts.best(options.least_count);
    if (!pair) break;
    std::string bytes = table.bytes_of_id[static_cast<std::size_t>(pair->first)] +
                        table.bytes_of_id[static_cast<std::size_t>(pair->second)];
    // Two pairs can spell the same bytes; the later one then merges into the id that is there.
    const bool is_new = known.insert(bytes).second;
    const auto existing =
        is_new ? table.bytes_of_id.end() : std::find(table.bytes_of_id.begin(), table.bytes_of_id.end(), bytes);
    const auto id = static_cast<std::int64_t>(existing - table.bytes_of_id.begin());
    if (is_new) table.bytes_of_id.push_back(std::move(bytes));
    table.merges.push_back(*pair);
    counts.merge(*pair, id);
  }
  return table;
}

TrainableBytePair::TrainableBytePair(TextTokenizerOptions options)
    : options_(options), tokenizer_(std::make_unique<BytePairTokenizer>(byte_table())) {
  options_.validate();
}

void TrainableBytePair::observe(const std::vector<Media>& sample) {
  tokenizer_ = std::make_unique<BytePairTokenizer>(train_bpe(texts_of(sample), options_));
}

LossReport TrainableBytePair::loss(const std::vector<Media>& batch, RandomKey key) {
  (void)key;  // nothing is drawn
  std::size_t bytes = 0, ids = 0;
  for (const std::string& text : texts_of(batch)) {
    bytes += text.size();
    ids += tokenizer_->encode_bytes(text).size();
  }
  LossReport report{at::zeros({}), {}};
  if (bytes > 0) report.figures["ids_per_byte"] = static_cast<double>(ids) / static_cast<double>(bytes);
  return report;
}

}  // namespace palimpsest
