#include "datasets/prepare/settings.h"

#include <sstream>

#include "base/files.h"
#include "datasets/sources/source_form.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

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

std::string part_name(Part part) { return std::to_string(part.index + 1) + "/" + std::to_string(part.count); }

nlohmann::json preparation_settings(const PrepareOptions& options, const RoleTokenizers& tokenizers, Part part) {
  nlohmann::json settings = to_json(to_toml(options));
  auto& data = settings["data"];
  for (const char* place : {"cache", "processes"}) data["speech"].erase(place);
  const SourceForm& form = form_of(options.data);
  data["form"] = form.name;
  data["source"] = fs::path(options.data.source).filename().string();
  data["table"] = fs::path(options.data.table).filename().string();
  data["content"] = form.identity(options.data);
  for (const SourceForm& other : source_forms()) {
    if (other.settings != form.settings) data.erase(other.settings);  // nobody reads it
  }
  for (const auto& [name, split] : options.data.splits) {
    if (split.keys.empty()) continue;
    data["splits"][name]["keys"] = hash64_hex(read_file(find_data(split.keys, "data.splits." + name + ".keys")));
  }
  for (const auto& [name, filter] : options.filters) {
    if (filter.measure == "listed") settings["filters"][name]["of"] = hash64_hex(read_file(find_data(filter.of, "of")));
  }
  for (const char* name : {"max_failure_rate", "quarantine", "apart"}) settings["prepare"].erase(name);
  if (part.count > 1) settings["part"] = part_name(part);
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
