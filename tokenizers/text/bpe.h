// Byte-level byte-pair encoding (Sennrich et al., arXiv 1508.07909; byte alphabet of GPT-2): any text, exactly back.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizers/text/pretokenizer.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

// What a byte-pair tokenizer is made of: the bytes each id stands for, and the pairs that merge, best first.
struct BytePairTable {
  std::vector<std::string> bytes_of_id;
  std::vector<std::pair<std::int64_t, std::int64_t>> merges;  // ids; the merged token's bytes are theirs joined
};

// The 256 bytes and nothing else: where training begins.
BytePairTable byte_table();

class BytePairTokenizer : public Tokenizer {
 public:
  // c10::Error for a byte without an id, bytes named twice, or a merge into bytes that have no id.
  explicit BytePairTokenizer(BytePairTable table);

  std::string kind() const override { return "bpe"; }
  const CodeSpace& space() const override { return space_; }
  Layout layout(std::int64_t length) const override { return text_layout(length); }
  std::vector<Codes> encode(const std::vector<Media>& batch) const override;
  // Ids that spell no valid UTF-8 (a model may write them) are read with U+FFFD in place of what is broken.
  std::vector<Media> decode(const std::vector<Codes>& batch) const override;
  // tokenizer.json, and vocab.json with merges.txt in GPT-2's form.
  void save(const std::filesystem::path& directory) const override;

  // The same for any bytes, valid UTF-8 or not: decode_bytes(encode_bytes(x)) == x.
  std::vector<std::int64_t> encode_bytes(std::string_view bytes) const;
  std::string decode_bytes(const std::vector<std::int64_t>& ids) const;

  const BytePairTable& table() const { return table_; }

 private:
  struct Merge {
    std::int64_t rank = 0, id = 0;
  };
  const Merge* find_merge(std::int64_t left, std::int64_t right) const;
  void append_piece(std::string_view piece, std::vector<std::int64_t>& ids) const;

  BytePairTable table_;
  CodeSpace space_;
  Gpt2Pretokenizer pretokenizer_;
  std::vector<std::int64_t> id_of_byte_;
  std::unordered_map<std::uint64_t, Merge> merge_of_pair_;
};

// Reads vocab.json and merges.txt. InputError: not JSON, ids with holes, a merge whose parts or whole are not in the
// vocabulary.
BytePairTable read_gpt2_table(const std::filesystem::path& directory);
void write_gpt2_table(const std::filesystem::path& directory, const BytePairTable& table);

}  // namespace palimpsest
