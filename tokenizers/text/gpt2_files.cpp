// GPT-2's vocab.json and merges.txt.
#include "base/errors.h"
#include "base/files.h"
#include "tokenizers/text/bpe.h"
#include "tokenizers/text/byte_alphabet.h"

namespace palimpsest {

namespace {

std::vector<std::string> read_vocabulary(const std::filesystem::path& path) {
  const nlohmann::json table = nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!table.is_object() || table.empty()) throw InputError(path.string(), "", "must be a JSON object of token: id");
  std::vector<std::string> bytes_of_id(table.size());
  std::vector<bool> seen(table.size(), false);
  for (const auto& [token, id] : table.items()) {
    if (!id.is_number_unsigned() || id.get<std::size_t>() >= seen.size() || seen[id.get<std::size_t>()]) {
      throw InputError(path.string(), token, "ids must be 0 to the number of tokens, each once");
    }
    seen[id.get<std::size_t>()] = true;
    try {
      bytes_of_id[id.get<std::size_t>()] = unspell_bytes(token);
    } catch (const InputError& error) {
      throw InputError(path.string(), token, error.what());
    }
  }
  return bytes_of_id;
}

std::int64_t find_token(const std::map<std::string, std::int64_t>& id_of, std::string_view spelled,
                        const std::string& place) {
  const auto found = id_of.find(unspell_bytes(spelled));
  if (found == id_of.end()) throw InputError(place, std::string(spelled), "is not in the vocabulary");
  return found->second;
}

}  // namespace

BytePairTable read_gpt2_table(const std::filesystem::path& directory) {
  BytePairTable table;
  table.bytes_of_id = read_vocabulary(directory / "vocab.json");
  std::map<std::string, std::int64_t> id_of;
  for (std::size_t id = 0; id < table.bytes_of_id.size(); ++id)
    id_of[table.bytes_of_id[id]] = static_cast<std::int64_t>(id);
  const std::string path = (directory / "merges.txt").string(), text = read_file(path);
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const std::string place = path + ":" + std::to_string(number);
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      throw InputError(place, "", "must be two tokens and one space");
    }
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    find_token(id_of, std::string(left) + std::string(right), place);
    table.merges.emplace_back(find_token(id_of, left, place), find_token(id_of, right, place));
  }
  return table;
}

void write_gpt2_table(const std::filesystem::path& directory, const BytePairTable& table) {
  nlohmann::ordered_json vocabulary = nlohmann::ordered_json::object();
  for (std::size_t id = 0; id < table.bytes_of_id.size(); ++id) vocabulary[spell_bytes(table.bytes_of_id[id])] = id;
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : table.merges) {
    merges += spell_bytes(table.bytes_of_id[static_cast<std::size_t>(left)]) + " " +
              spell_bytes(table.bytes_of_id[static_cast<std::size_t>(right)]) + "\n";
  }
  write_file_atomically(directory / "vocab.json", vocabulary.dump() + "\n");
  write_file_atomically(directory / "merges.txt", merges);
}

}  // namespace palimpsest
