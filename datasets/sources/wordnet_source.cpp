#include "datasets/sources/wordnet_source.h"

#include <sstream>

#include "datasets/sources/files_in_a_row.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/packed_file.h"
#include "datasets/sources/source_files.h"

namespace palimpsest {

namespace {

constexpr std::size_t kLongestSynset = 64 << 10;  // bytes; the longest there is has 12 thousand

// "physical_entity" -> "physical entity"; "galore(ip)" -> "galore": where it may stand is no part of the word.
std::string plain_word(std::string word) {
  std::replace(word.begin(), word.end(), '_', ' ');
  return word.ends_with(')') ? word.substr(0, word.rfind('(')) : word;
}

std::string trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" ;"), last = text.find_last_not_of(" ;");
  return first == std::string_view::npos ? "" : std::string(text.substr(first, last + 1 - first));
}

// `offset lex_filenum ss_type w_cnt word lex_id [word lex_id...] p_cnt ... | gloss`, w_cnt in hexadecimal (wndb(5WN)).
Members read_synset(const std::string& key, const std::string& line) {
  Members members{.key = key};
  const std::size_t bar = line.find(" | ");
  std::istringstream head(line.substr(0, bar));
  std::string offset, file, type, lexical_id;
  int count = 0;
  head >> offset >> file >> type >> std::hex >> count;
  nlohmann::json words = nlohmann::json::array();
  for (std::string word; count > 0 && head >> word >> lexical_id; --count) words.push_back(plain_word(word));
  if (!head || bar == std::string::npos || words.empty() || count != 0) {
    members.error = "is no line of WordNet's data files";
    return members;
  }
  const std::string_view rest = std::string_view(line).substr(bar + 3);
  const std::size_t quote = std::min(rest.find('"'), rest.size());
  const std::string gloss = trim(rest.substr(0, quote)), word = words.front();
  members.fields = {{"word", word},
                    {"words", std::move(words)},
                    {"gloss", gloss},
                    {"examples", trim(rest.substr(quote))},
                    {"text", word + ": " + gloss}};
  if (gloss.empty()) members.error = "has no gloss";
  return members;
}

// "data.noun"
struct DataFile {
  PackedFile file;
  std::string part;  // of speech
};

std::unique_ptr<DataFile> open_data_file(const std::filesystem::path& path, const ArchiveOpener& open) {
  const std::string name = path.filename().string();
  return std::make_unique<DataFile>(DataFile{PackedFile(path, open), name.substr(name.find('.') + 1)});
}

class WordnetReader : public MemberReader {
 public:
  WordnetReader(std::vector<std::filesystem::path> files, MemberRequest request)
      : request_(std::move(request)), files_(std::move(files), [this](const std::filesystem::path& path) {
          return open_data_file(path, request_.archives);
        }) {}

  std::optional<Members> next() override {
    return files_.next(request_, [this](DataFile& data) { return next_of(data); });
  }

 private:
  std::optional<Members> next_of(DataFile& data) {
    while (data.file.next_line(line_, kLongestSynset)) {
      if (line_.text.empty() || line_.text.front() == ' ') continue;
      const std::string key = data.part + ":" + line_.text.substr(0, line_.text.find(' '));
      if (request_.wants_key(key)) return read_synset(key, line_.text);
    }
    return std::nullopt;
  }

  MemberRequest request_;
  FilesInARow<DataFile> files_;
  PackedFile::Line line_;
};

}  // namespace

std::unique_ptr<Source> wordnet_source(std::vector<std::filesystem::path> files, MemberRequest request) {
  return member_source(std::make_unique<WordnetReader>(std::move(files), request), request);
}

SourceForm wordnet_form() {
  return {
      "wordnet",
      "WordNet's data.noun and its like: the fields word, words, gloss, examples and text",
      "",
      nullptr,
      [](const DataOptions& data) { return identity_of_files(find_data_files(data.source, "data.source")); },
      [](const DataOptions& data, MemberRequest request) {
        return wordnet_source(find_data_files(data.source, "data.source"), std::move(request));
      },
  };
}

}  // namespace palimpsest
