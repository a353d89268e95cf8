#include "datasets/sources/key_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/errors.h"

namespace palimpsest {

namespace {

using MatchData = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

const pcre2_code* compiled(const std::shared_ptr<const void>& code) {
  return static_cast<const pcre2_code*>(code.get());
}

MatchData match_data(const pcre2_code* code) {
  return {pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free};
}

// Number of groups set, or negative without a match (or where matching gave up).
int match_at(const pcre2_code* code, std::string_view text, std::size_t at, pcre2_match_data* match) {
  return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0, match, nullptr);
}

}  // namespace

KeyPattern::KeyPattern(const std::string& expression, const std::string& key) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &offset, nullptr);
  if (!code) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    throw InputError("", key,
                     "'" + expression + "' is no regular expression: " + reinterpret_cast<const char*>(text) +
                         " at character " + std::to_string(offset));
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // only faster: matching works without it
  code_ = std::shared_ptr<const void>(
      code, [](const void* owned) { pcre2_code_free(const_cast<pcre2_code*>(static_cast<const pcre2_code*>(owned))); });
}

std::optional<std::string> KeyPattern::caught(std::string_view utf8) const {
  const MatchData match = match_data(compiled(code_));
  const int groups = match_at(compiled(code_), utf8, 0, match.get());
  if (groups < 0) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
  const int group = groups > 1 && ends[2] != PCRE2_UNSET ? 1 : 0;
  return std::string(utf8.substr(ends[2 * group], ends[2 * group + 1] - ends[2 * group]));
}

std::int64_t KeyPattern::matches(std::string_view utf8) const {
  const MatchData match = match_data(compiled(code_));
  std::int64_t count = 0;
  std::size_t at = 0;
  while (at <= utf8.size() && match_at(compiled(code_), utf8, at, match.get()) >= 0) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
    ++count;
    at = ends[1] > ends[0] ? ends[1] : ends[1] + 1;
  }
  return count;
}

std::string group_of(const std::string& key, const std::optional<KeyPattern>& pattern) {
  if (!pattern) return key;
  return pattern->caught(key).value_or(key);
}

}  // namespace palimpsest
