#include "datasets/prepare/settings.h"

#include <fstream>
#include <sstream>

#include "base/files.h"
#include "datasets/sources/folder_source.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// Bytes of a file's two ends that identify it: of a tar, and of each file of a folder (captions are shorter).
constexpr std::uintmax_t kEndOfTar = 1 << 20, kEndOfMember = 4 << 10;

std::string identity_of_file(const fs::path& path, std::uintmax_t end) {
  const std::uintmax_t size = fs::file_size(path);
  std::ifstream file(path, std::ios::binary);
  std::string ends(static_cast<std::size_t>(std::min(size, 2 * end)), '\0');
  const auto half = static_cast<std::streamsize>(ends.size() / 2),
             rest = static_cast<std::streamsize>(ends.size()) - half;
  file.read(ends.data(), half);
  file.seekg(-rest, std::ios::end);
  file.read(ends.data() + half, rest);
  if (!file) throw IoError(path.string(), "", "cannot be read");
  return std::to_string(size) + " bytes, " + hash64_hex(ends);
}

std::string identity_of_folder(const fs::path& folder, const DataOptions& data) {
  const auto files = folder_files(folder, MemberRequest{data.roles, {}}.extensions());
  std::string list;
  for (const fs::path& file : files) {
    list += file.lexically_relative(folder).generic_string() + " " + identity_of_file(file, kEndOfMember) + "\n";
  }
  const fs::path table = find_table(folder, data.table);
  if (!table.empty()) list += hash64_hex(read_file(table));
  return std::to_string(files.size()) + " files, " + hash64_hex(list);
}

nlohmann::json to_json(const toml::table& table) {
  std::ostringstream text;
  text << toml::json_formatter{table};
  return nlohmann::json::parse(text.str());
}

std::string text_of(const nlohmann::json& settings, const std::string& pointer) {
  return settings.contains(pointer) ? settings.at(pointer).dump() : "absent";
}

void check_role(const PrepareOptions& options, const std::string& name, const Tokenizer& tokenizer) {
  const RoleOptions& role = options.data.roles.at(name);
  const std::string& kind = tokenizer.space().modality;
  if (role.kind != kind) throw InputError("", "tokenizers." + name, "reads " + kind + ", the role is " + role.kind);
  if (tokenizer.sample_rate() != 0 && role.sample_rate != tokenizer.sample_rate()) {
    throw InputError("", "data.roles." + name + ".sample_rate",
                     "is " + std::to_string(role.sample_rate) + " Hz, the tokenizer needs " +
                         std::to_string(tokenizer.sample_rate()));
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
  data["table"] = fs::path(options.data.table).filename().string();
  data["content"] =
      fs::is_directory(source) ? identity_of_folder(source, options.data) : identity_of_file(source, kEndOfTar);
  for (const auto& [name, split] : options.data.splits) {
    if (split.keys.empty()) continue;
    data["splits"][name]["keys"] = hash64_hex(read_file(find_data(split.keys, "data.splits." + name + ".keys")));
  }
  for (const auto& [name, tokens] : tokenizers.tokens) settings["tokenizers"][name]["path"] = tokens.fingerprint;
  return settings.flatten();
}

void check_same_settings(const nlohmann::json& before, const nlohmann::json& now, const fs::path& directory) {
  std::set<std::string> pointers;
  for (const auto* settings : {&before, &now}) {
    for (const auto& [pointer, value] : settings->items()) pointers.insert(pointer);
  }
  for (const std::string& pointer : pointers) {
    const std::string was = text_of(before, pointer), is = text_of(now, pointer);
    if (was == is) continue;
    std::string key = pointer.substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    throw InputError(
        directory.string(), key,
        "was prepared with " + was + ", now it is " + is + "; choose another directory or remove this one");
  }
}

}  // namespace palimpsest
