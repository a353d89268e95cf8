#include "tokenizers/text/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

#include "modalities/media/text.h"

namespace palimpsest {

namespace {

// \s is spelled out: PCRE2's own class lacks U+0085 or has U+180E, depending on its version.
constexpr char kSpace[] =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";

std::string gpt2_pattern() {
  const std::string space = kSpace;
  return "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + space + "\\p{L}\\p{N}]+|[" + space + "]+(?![^" + space +
         "])|[" + space + "]+";
}

}  // namespace

struct Gpt2Pretokenizer::Pattern {
  pcre2_code* code = nullptr;
  Pattern() {
    const std::string text = gpt2_pattern();
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset,
                         nullptr);
    TORCH_CHECK(code != nullptr, "Gpt2Pretokenizer: the pattern does not compile, error ", error, " at ", offset);
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // only faster: matching works without it
  }
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
};

Gpt2Pretokenizer::Gpt2Pretokenizer() : pattern_(std::make_unique<Pattern>()) {}
Gpt2Pretokenizer::~Gpt2Pretokenizer() = default;

void Gpt2Pretokenizer::split_valid(std::string_view utf8, std::vector<std::string_view>& pieces) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(pattern_->code, nullptr), &pcre2_match_data_free);
  std::size_t at = 0;
  while (at < utf8.size()) {
    const int found = pcre2_match(pattern_->code, reinterpret_cast<PCRE2_SPTR>(utf8.data()), utf8.size(), at,
                                  PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    TORCH_CHECK(found >= 0, "Gpt2Pretokenizer: matching failed with PCRE2 error ", found);
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
    TORCH_CHECK(ends[0] == at && ends[1] > at, "Gpt2Pretokenizer: every character belongs to a piece, none at byte ",
                at);
    pieces.push_back(utf8.substr(at, ends[1] - at));
    at = ends[1];
  }
}

std::vector<std::string_view> Gpt2Pretokenizer::split(std::string_view bytes) const {
  std::vector<std::string_view> pieces;
  while (!bytes.empty()) {
    const std::size_t bad = std::min(first_invalid_utf8(bytes), bytes.size());
    split_valid(bytes.substr(0, bad), pieces);
    bytes.remove_prefix(bad);
    if (!bytes.empty()) {
      pieces.push_back(bytes.substr(0, 1));
      bytes.remove_prefix(1);
    }
  }
  return pieces;
}

}  // namespace palimpsest
