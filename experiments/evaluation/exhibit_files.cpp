#include "experiments/evaluation/exhibit_files.h"

#define FMT_HEADER_ONLY  // LibTorch brings the headers of fmt without its library
#include <fmt/format.h>

#include "base/files.h"
#include "modalities/media/contact_sheet.h"
#include "modalities/media/files.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace fs = std::filesystem;

namespace {

constexpr const char *kIndexName = "exhibit.json", *kFilmName = "film.png", *kSheetName = "sheet.png";

using Roles = std::map<std::string, Media>;

std::string file_stem(std::size_t index, const std::string& key) {
  std::string safe = key;
  std::replace(safe.begin(), safe.end(), '/', '-');
  return fmt::format("{:02}-{}", index, safe);
}

// Texts stand in the index itself, and so does that a sound is empty, which no file can say; the rest is read from
// files.
nlohmann::json describe(const Media& media, const fs::path& file) {
  nlohmann::json entry{{"kind", media_kind(media)}, {"file", file.filename().string()}};
  if (const auto* text = std::get_if<Text>(&media)) entry["text"] = text->utf8;
  if (const auto* audio = std::get_if<Audio>(&media)) {
    entry["rate"] = audio->sample_rate;
    entry["samples"] = audio->samples_N.numel();
  }
  return entry;
}

nlohmann::json save_roles(const Roles& roles, const fs::path& stem) {
  nlohmann::json entries = nlohmann::json::object();
  for (const auto& [role, media] : roles) {
    entries[role] = describe(media, save_media(media, fs::path(stem) += "-" + role));
  }
  return entries;
}

Media load_entry(const nlohmann::json& entry, const fs::path& folder) {
  const auto kind = entry.at("kind").get<std::string>();
  if (kind == "text") return Text{entry.at("text").get<std::string>()};
  const auto rate = entry.value("rate", std::int64_t{0});
  if (kind == "audio" && entry.at("samples") == 0) return Audio{at::zeros({0}), rate};
  return load_media(folder / entry.at("file").get<std::string>(), {kind, rate});
}

Roles load_roles(const nlohmann::json& entries, const fs::path& folder) {
  Roles roles;
  for (const auto& [role, entry] : entries.items()) roles[role] = load_entry(entry, folder);
  return roles;
}

std::vector<Image> made_pictures(const Exhibit& exhibit) {
  std::vector<Image> pictures;
  for (const Exhibit::Item& item : exhibit.items) {
    for (const auto& [role, media] : item.made) {
      if (const auto* picture = std::get_if<Image>(&media)) pictures.push_back(*picture);
    }
  }
  return pictures;
}

bool all_there(const nlohmann::json& index, const fs::path& folder) {
  const auto there = [&](const nlohmann::json& entry) {
    return fs::exists(folder / entry.at("file").get<std::string>());
  };
  if (index.contains("film") && !there(index["film"])) return false;
  for (const auto& item : index.at("items")) {
    for (const char* part : {"given", "made", "true"}) {
      if (!std::all_of(item.at(part).begin(), item.at(part).end(), there)) return false;
    }
  }
  return true;
}

Exhibit from_index(const nlohmann::json& index, const Show& show, const fs::path& folder) {
  Exhibit exhibit{show, {}, {}};
  for (const auto& item : index.at("items")) {
    exhibit.items.push_back({item.at("key").get<std::string>(), load_roles(item.at("given"), folder),
                             load_roles(item.at("made"), folder), load_roles(item.at("true"), folder)});
  }
  if (index.contains("film")) {
    exhibit.film =
        FilmStrip{load_image(folder / kFilmName), index["film"].at("steps").get<std::vector<std::int64_t>>()};
  }
  return exhibit;
}

}  // namespace

void write_exhibit(const Exhibit& exhibit, const ExhibitPlace& place) {
  AtomicDirectory whole(place.directory / exhibit.show.name);
  const fs::path& folder = whole.working();
  nlohmann::json index{{"settings", place.settings}, {"items", nlohmann::json::array()}};
  for (std::size_t i = 0; i < exhibit.items.size(); ++i) {
    const Exhibit::Item& item = exhibit.items[i];
    const std::string stem = file_stem(i, item.key);
    index["items"].push_back({{"key", item.key},
                              {"given", save_roles(item.given, folder / (stem + "-given"))},
                              {"made", save_roles(item.made, folder / (stem + "-made"))},
                              {"true", save_roles(item.truth, folder / (stem + "-true"))}});
  }
  if (exhibit.film) {
    save_png(exhibit.film->pictures, folder / kFilmName);
    index["film"] = {{"file", kFilmName}, {"steps", exhibit.film->steps}};
  }
  const std::vector<Image> pictures = made_pictures(exhibit);
  if (!pictures.empty()) save_png(contact_sheet(pictures, {}), folder / kSheetName);
  write_file_atomically(folder / kIndexName, index.dump(1) + "\n");
  whole.commit();
}

std::optional<Exhibit> read_exhibit(const Show& show, const ExhibitPlace& place) {
  const fs::path folder = place.directory / show.name;
  if (!fs::exists(folder / kIndexName)) return std::nullopt;
  const nlohmann::json index = nlohmann::json::parse(read_file(folder / kIndexName), nullptr, false);
  if (index.is_discarded() || index.value("settings", nlohmann::json()) != place.settings) return std::nullopt;
  try {
    if (!all_there(index, folder)) return std::nullopt;
    return from_index(index, show, folder);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // of another version of the program
  }
}

}  // namespace palimpsest
