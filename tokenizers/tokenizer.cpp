#include "tokenizers/tokenizer.h"

#include <sstream>

#include "base/errors.h"
#include "base/files.h"
#include "tokenizers/make.h"
#include "tokenizers/quantizers/weights.h"
#include "tokenizers/text/bpe.h"

namespace palimpsest {

namespace {

// Settings of tokenizer.json as a table, so that one reader of options serves recipes and saved tokenizers.
toml::table table_of(const nlohmann::json& object, const std::string& file);

void insert_json(toml::table& table, const std::string& name, const nlohmann::json& value, const std::string& file) {
  if (value.is_boolean()) {
    table.insert(name, value.get<bool>());
  } else if (value.is_number_integer()) {
    table.insert(name, value.get<std::int64_t>());
  } else if (value.is_number()) {
    table.insert(name, value.get<double>());
  } else if (value.is_string()) {
    table.insert(name, value.get<std::string>());
  } else if (value.is_object()) {
    table.insert(name, table_of(value, file));
  } else if (value.is_array()) {
    toml::array list;
    for (const auto& item : value) {
      if (!item.is_number_integer()) throw InputError(file, name, "must be a list of whole numbers");
      list.push_back(item.get<std::int64_t>());
    }
    table.insert(name, std::move(list));
  } else {
    throw InputError(file, name, "must be a value, a list or a table");
  }
}

toml::table table_of(const nlohmann::json& object, const std::string& file) {
  toml::table table;
  for (const auto& [name, value] : object.items()) insert_json(table, name, value, file);
  return table;
}

struct Settings {
  std::string file, kind;
  toml::table options;
};

Settings read_settings(const std::filesystem::path& directory) {
  Settings settings;
  settings.file = (directory / kTokenizerFile).string();
  const nlohmann::json json = nlohmann::json::parse(read_file(settings.file), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw InputError(settings.file, "", "must be a JSON object");
  if (!json.contains("kind") || !json["kind"].is_string()) throw InputError(settings.file, "kind", "must be a string");
  if (!json.contains("options") || !json["options"].is_object())
    throw InputError(settings.file, "options", "must be an object");
  settings.kind = json["kind"].get<std::string>();
  settings.options = table_of(json["options"], settings.file);
  return settings;
}

std::unique_ptr<Tokenizer> load_bpe(const std::filesystem::path& directory) {
  try {
    return std::make_unique<BytePairTokenizer>(read_gpt2_table(directory));
  } catch (const c10::Error& error) {
    throw InputError(directory.string(), "", error.what_without_backtrace());
  }
}

}  // namespace

std::string tokenizer_fingerprint(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(directory))
    throw InputError(directory.string(), "", "is not a tokenizer's directory");
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string all;  // name, size and hash of each file: no two sets of files read the same
  for (const auto& file : files) {
    const std::string bytes = read_file(file);
    all += file.filename().string() + '\0' + std::to_string(bytes.size()) + '\0' + hash64_hex(bytes) + '\n';
  }
  return hash64_hex(all);
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(directory)) throw InputError(directory.string(), "", "is not a tokenizer's directory");
  if (!fs::exists(directory / kTokenizerFile)) {
    if (fs::exists(directory / "vocab.json") && fs::exists(directory / "merges.txt")) return load_bpe(directory);
    throw InputError(directory.string(), "", "holds neither tokenizer.json nor vocab.json with merges.txt");
  }
  const Settings settings = read_settings(directory);
  auto made = make_trainable({settings.kind, settings.options, settings.file, "options"}, RandomKey::root(0));
  if (settings.kind == "bpe") return load_bpe(directory);
  load_tokenizer_weights(directory, made->parameters());
  made->parameters().set_requires_grad(false);
  return made;
}

}  // namespace palimpsest
