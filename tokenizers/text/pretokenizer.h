// How GPT-2 cuts text into pieces before any merge: contractions, letters, digits, other marks, runs of white space.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

namespace palimpsest {

class Gpt2Pretokenizer {
 public:
  Gpt2Pretokenizer();
  ~Gpt2Pretokenizer();
  Gpt2Pretokenizer(const Gpt2Pretokenizer&) = delete;
  Gpt2Pretokenizer& operator=(const Gpt2Pretokenizer&) = delete;

  // The pieces, in order; together they are `bytes` exactly. Bytes that are not valid UTF-8 are pieces of their own.
  // The views point into `bytes`.
  std::vector<std::string_view> split(std::string_view bytes) const;

 private:
  void split_valid(std::string_view utf8, std::vector<std::string_view>& pieces) const;

  struct Pattern;
  std::unique_ptr<Pattern> pattern_;
};

}  // namespace palimpsest
