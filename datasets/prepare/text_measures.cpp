#include <set>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/prepare/measures.h"
#include "datasets/prepare/plain_words.h"
#include "datasets/sources/data_options.h"
#include "datasets/sources/key_pattern.h"

namespace palimpsest {

namespace {

using Views = std::vector<std::string_view>;

std::int64_t count_characters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
}

// Pieces between any of the separators, none of them empty.
Views pieces_of(std::string_view text, std::string_view separators) {
  Views pieces;
  for (std::size_t at = text.find_first_not_of(separators); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    pieces.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(separators, end);
  }
  return pieces;
}
Views words_of(std::string_view text) { return pieces_of(text, " \t\r\n\f\v"); }
Views lines_of(std::string_view text) { return pieces_of(text, "\r\n"); }

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

double share(std::int64_t part, std::size_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::int64_t occurrences(std::string_view text, std::string_view what) {
  std::int64_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

template <double (*measure)(std::string_view)>
MeasureFunction of_text(const std::string& of) {
  refuse_argument(of);
  return [](const Media& media) { return measure(std::get<Text>(media).utf8); };
}

template <bool (*is_so)(std::string_view line)>
double share_of_lines(std::string_view text) {
  const Views lines = lines_of(text);
  return share(std::count_if(lines.begin(), lines.end(), is_so), lines.size());
}

double characters(std::string_view text) { return static_cast<double>(count_characters(text)); }
double words(std::string_view text) { return static_cast<double>(words_of(text).size()); }

double mean_word_length(std::string_view text) {
  std::int64_t sum = 0;
  const Views all = words_of(text);
  for (const std::string_view word : all) sum += count_characters(word);
  return share(sum, all.size());
}

double symbols_per_word(std::string_view text) {
  return share(occurrences(text, "#") + occurrences(text, "...") + occurrences(text, "\u2026"), words_of(text).size());
}

bool is_bullet(std::string_view line) {
  const std::string_view start = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
  return start.starts_with("- ") || start.starts_with("* ") || start.starts_with("\u2022");
}
bool has_ellipsis_end(std::string_view line) { return line.ends_with("...") || line.ends_with("\u2026"); }
bool is_unended(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \t");
  return last == std::string_view::npos || std::string_view(".!?\"'").find(line[last]) == std::string_view::npos;
}

// A byte beyond ASCII belongs to a letter often enough: scripts without capitals are words too.
bool has_letter(std::string_view word) {
  return std::any_of(word.begin(), word.end(),
                     [](char c) { return (c & 0x80) != 0 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); });
}

double alphabetic_words(std::string_view text) {
  const Views all = words_of(text);
  return share(std::count_if(all.begin(), all.end(), has_letter), all.size());
}

double stop_words(std::string_view text) {
  static const std::set<std::string, std::less<>> kStopWords{"the", "be", "to", "of", "and", "that", "have", "with"};
  std::set<std::string> found;
  for (const std::string_view word : words_of(text)) {
    const std::string lower = lower_ascii(word);
    if (kStopWords.contains(lower)) found.insert(lower);
  }
  return static_cast<double>(found.size());
}

double duplicate_lines(std::string_view text) {
  const Views lines = lines_of(text);
  const std::unordered_set<std::string_view> distinct(lines.begin(), lines.end());
  return share(static_cast<std::int64_t>(lines.size() - distinct.size()), lines.size());
}

double curly_brackets(std::string_view text) { return static_cast<double>(occurrences(text, "{")); }
double placeholders(std::string_view text) {
  return static_cast<double>(occurrences(lower_ascii(text), "lorem ipsum"));
}

template <char first, char last>
double share_between(std::string_view text) {
  const auto count = std::count_if(text.begin(), text.end(), [](char c) { return c >= first && c <= last; });
  return share(count, static_cast<std::size_t>(count_characters(text)));
}

std::size_t words_together(const std::string& of) {
  if (of.size() == 1 && of.front() >= '1' && of.front() <= '9') return static_cast<std::size_t>(of.front() - '0');
  throw InputError("", "of", "must say how many words together, 1 to 9, got '" + of + "'");
}

// Words from..from+n, as they stand in the text.
std::string_view ngram(const Views& all, std::size_t from, std::size_t n) {
  const char* end = all[from + n - 1].data() + all[from + n - 1].size();
  return {all[from].data(), static_cast<std::size_t>(end - all[from].data())};
}

MeasureFunction common_ngram(const std::string& of) {
  return [n = words_together(of)](const Media& media) {
    const std::string_view text = std::get<Text>(media).utf8;
    const Views all = words_of(text);
    std::unordered_map<std::string_view, std::size_t> counts;
    std::size_t most = 0;
    for (std::size_t from = 0; from + n <= all.size(); ++from) {
      const std::string_view together = ngram(all, from, n);
      const std::size_t count = ++counts[together];
      if (count > 1) most = std::max(most, count * together.size());
    }
    return std::min(1.0, share(static_cast<std::int64_t>(most), text.size()));
  };
}

MeasureFunction repeated_ngrams(const std::string& of) {
  return [n = words_together(of)](const Media& media) {
    const Views all = words_of(std::get<Text>(media).utf8);
    std::unordered_set<std::string_view> seen;
    std::vector<bool> repeated(all.size(), false);
    for (std::size_t from = 0; from + n <= all.size(); ++from) {
      if (seen.insert(ngram(all, from, n)).second) continue;
      std::fill_n(repeated.begin() + static_cast<std::ptrdiff_t>(from), n, true);
    }
    return share(std::count(repeated.begin(), repeated.end(), true), all.size());
  };
}

MeasureFunction script_share(const std::string& of) {
  if (of.empty()) throw InputError("", "of", "must name a Unicode script, such as Latin or Han");
  const bool is_name = std::all_of(of.begin(), of.end(), [](char c) { return has_letter({&c, 1}) || c == '_'; });
  if (!is_name) throw InputError("", "of", "'" + of + "' is no name of a Unicode script");
  return [script = KeyPattern("(?=\\p{L})\\p{" + of + "}", "of"),
          letter = KeyPattern("\\p{L}", "of")](const Media& media) {
    const std::string_view text = std::get<Text>(media).utf8;
    return share(script.matches(text), static_cast<std::size_t>(letter.matches(text)));
  };
}

MeasureFunction listed(const std::string& of) {
  const std::filesystem::path file = find_data(of, "of");
  std::istringstream lines(read_file(file));
  std::vector<std::string> phrases;
  for (std::string line; std::getline(lines, line);) {
    std::string phrase = plain_words(line);
    if (phrase.size() > 1) phrases.push_back(std::move(phrase));
  }
  if (phrases.empty()) throw InputError(file.string(), "of", "lists nothing");
  return [phrases](const Media& media) {
    const std::string plain = plain_words(std::get<Text>(media).utf8);
    return static_cast<double>(std::count_if(phrases.begin(), phrases.end(), [&plain](const std::string& phrase) {
      return plain.find(phrase) != std::string::npos;
    }));
  };
}

}  // namespace

const std::vector<Measure>& text_measures() {
  static const std::vector<Measure> measures{
      {"characters", "text", "code points", "", of_text<characters>},
      {"words", "text", "words between blanks", "Gopher, arXiv 2112.11446: 50 to 100,000", of_text<words>},
      {"mean-word-length", "text", "characters a word", "Gopher, arXiv 2112.11446: 3 to 10", of_text<mean_word_length>},
      {"symbols", "text", "hash signs and ellipses a word", "Gopher, arXiv 2112.11446: at most 0.1",
       of_text<symbols_per_word>},
      {"bullet-lines", "text", "share of lines that begin with a bullet", "Gopher, arXiv 2112.11446: at most 0.9",
       of_text<share_of_lines<is_bullet>>},
      {"ellipsis-lines", "text", "share of lines that end with an ellipsis", "Gopher, arXiv 2112.11446: at most 0.3",
       of_text<share_of_lines<has_ellipsis_end>>},
      {"alphabetic-words", "text", "share of words with a letter", "Gopher, arXiv 2112.11446: at least 0.8",
       of_text<alphabetic_words>},
      {"stop-words", "text", "how many of: the be to of and that have with", "Gopher, arXiv 2112.11446: at least 2",
       of_text<stop_words>},
      {"duplicate-lines", "text", "share of lines that came before", "Gopher, arXiv 2112.11446: at most 0.3",
       of_text<duplicate_lines>},
      {"common-ngram", "text", "share of the text in its commonest run of `of` words",
       "Gopher, arXiv 2112.11446: at most 0.20, 0.18, 0.16 for 2, 3, 4", common_ngram},
      {"repeated-ngrams", "text", "share of words in runs of `of` words that came before",
       "Gopher, arXiv 2112.11446: at most 0.15 to 0.10 for 5 to 9", repeated_ngrams},
      {"unended-lines", "text", "share of lines without a mark of punctuation at their end",
       "C4, arXiv 1910.10683: such lines are cut", of_text<share_of_lines<is_unended>>},
      {"curly-brackets", "text", "opening curly brackets", "C4, arXiv 1910.10683: none", of_text<curly_brackets>},
      {"placeholders", "text", "how often it says lorem ipsum", "C4, arXiv 1910.10683: never", of_text<placeholders>},
      {"digits", "text", "share of characters that are digits", "", of_text<share_between<'0', '9'>>},
      {"capitals", "text", "share of characters that are A to Z", "", of_text<share_between<'A', 'Z'>>},
      {"script", "text", "share of letters of the Unicode script `of`, such as Latin or Han",
       "Unicode Standard Annex 24", script_share},
      {"listed", "text", "how many lines of the file `of` it holds as whole words (a blocklist with max = 0)",
       "C4, arXiv 1910.10683: none", listed},
  };
  return measures;
}

}  // namespace palimpsest
