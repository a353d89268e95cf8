#include "datasets/prepare/settings.h"

#include <fstream>
#include <sstream>

#include "base/files.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kEnd = 1 << 20;  // bytes of a tar's two ends that identify it

std::string identity_of_file(const fs::path& path) {
  const std::uintmax_t size = fs::file_size(path);
  std::ifstream file(path, std::ios::binary);
  std::string ends(static_cast<std::size_t>(std::min(size, 2 * kEnd)), '\0');
  const auto half = static_cast<std::streamsize>(ends.size() / 2), rest = static_cast<std::streamsize>(ends.size()) - half;
  file.read(ends.data(), half);
  file.seekg(-rest, std::ios::end);
  file.read(ends.data() + half, rest);
  if (!file) throw IoError(path.string(), "", "cannot be read");
  return std::to_string(size) + " bytes, " + hash64_hex(ends);
}

std::string identity_of_folder(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files.push_back(entry.path().lexically_relative(folder).generic_string() + " " + std::to_string(entry.file_size()) + "\n");
  }
  std::sort(files.begin(), files.end());
  std::string list;
  for (const std::string& file : files) list += file;
  return std::to_string(files.size()) + " files, " + hash64_hex(list);
}

nlohmann::json to_json(const toml::table& table) {
  std::ostringstream text;
  text << toml::json_formatter{table};
  return nlohmann::json::parse(text.str());
}

void check_role(const PrepareOptions& options, const std::string& name, const Tokenizer& tokenizer) {
  const RoleOptions& role = options.data.roles.at(name);
  const std::string& kind = tokenizer.space().modality;
  if (role.kind != kind) throw InputError("", "tokenizers." + name, "reads " + kind + ", the role is " + role.kind);
  if (tokenizer.sample_rate() != 0 && role.sample_rate != tokenizer.sample_rate()) {
    throw InputError("", "data.roles." + name + ".sample_rate", "is " + std::to_string(role.sample_rate) +
                                                                    " Hz, the tokenizer needs " + std::to_string(tokenizer.sample_rate()));
  }
}

}  // namespace

RoleTokenizers open_tokenizers(const PrepareOptions& options) {
  RoleTokenizers opened;
  for (const auto& [name, place] : options.tokenizers) {
    const fs::path path = find_data(place.path, "tokenizers." + name + ".path");
    auto tokenizer = load_tokenizer(path);
    check_role(options, name, *tokenizer);
    opened.tokens[name] = {tokenizer_fingerprint(path), tokenizer->space()};
    opened.tokenizers[name] = std::move(tokenizer);
  }
  return opened;
}

nlohmann::json preparation_settings(const PrepareOptions& options, const RoleTokenizers& tokenizers) {
  nlohmann::json settings = to_json(to_toml(options));
  auto& data = settings["data"];
  for (const char* place : {"cache", "processes"}) data["speech"].erase(place);
  const fs::path source = find_data(options.data.source, "data.source");
  data["source"] = source.filename().string();
  data["content"] = fs::is_directory(source) ? identity_of_folder(source) : identity_of_file(source);
  for (const auto& [name, split] : options.data.splits) {
    if (split.keys.empty()) continue;
    data["splits"][name]["keys"] = hash64_hex(read_file(find_data(split.keys, "data.splits." + name + ".keys")));
  }
  for (const auto& [name, tokens] : tokenizers.tokens) settings["tokenizers"][name]["path"] = tokens.fingerprint;
  return settings.flatten();
}

void check_same_settings(const nlohmann::json& before, const nlohmann::json& now, const fs::path& directory) {
  if (before == now) return;
  for (const auto& [pointer, value] : now.items()) {
    if (before.contains(pointer) && before.at(pointer) == value) continue;
    std::string key = pointer.substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    const std::string was = before.contains(pointer) ? before.at(pointer).dump() : "absent";
    throw InputError(directory.string(), key, "was prepared with " + was + ", now it is " + value.dump() +
                                                  "; choose another directory or remove this one");
  }
  throw InputError(directory.string(), "", "was prepared with more settings than there are now; choose another directory or remove it");
}

}  // namespace palimpsest
