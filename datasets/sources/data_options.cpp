#include "datasets/sources/data_options.h"

#include <cmath>

#include "base/recipe.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kShortestPiece = 16;  // bytes of a text that is split
constexpr double kMillion = 1e6;

template <class Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

// Names of splits become file names, those of roles paths within a shard.
void check_names(const std::vector<std::string>& names, const std::string& table) {
  for (const std::string& name : names) {
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
      throw InputError("", table + "." + name, "a name is not empty, has no '/' and does not begin with '.'");
    }
  }
}

void check_spoken(const DataOptions& data, const std::string& name, const RoleOptions& role) {
  const auto spoken = data.roles.find(role.spoken);
  if (spoken == data.roles.end()) {
    throw InputError("", "roles." + name + ".spoken",
                     "no role '" + role.spoken + "'" + suggest(role.spoken, names_of(data.roles)));
  }
  if (spoken->second.kind != "text") throw InputError("", "roles." + name + ".spoken", "must name a text role");
  for (const auto& [split, options] : data.splits) {
    if (options.voices.empty()) throw InputError("", "splits." + split + ".voices", "must name at least one voice");
  }
}

}  // namespace

void RoleOptions::validate() const {
  const auto& kinds = media_kinds();
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    throw InputError("", "kind", "unknown value '" + kind + "'" + suggest(kind, kinds));
  }
  if (members.empty() == spoken.empty()) throw InputError("", "members", "a role has either members or spoken");
  if (kind != "text" && (several != SeveralTexts::kWhole || !prefix.empty() || !field.empty()))
    throw InputError("",
                     several != SeveralTexts::kWhole ? "several"
                     : prefix.empty()                ? "field"
                                                     : "prefix",
                     "is for text");
  if (split_bytes < 0 || (split_bytes > 0 && split_bytes < kShortestPiece))
    throw InputError("", "split_bytes", "must be 0, or at least " + std::to_string(kShortestPiece));
  if (split_bytes > 0 && (kind != "text" || several != SeveralTexts::kWhole || !prefix.empty()))
    throw InputError("", "split_bytes", "is for texts of which a sample has one");
  if (!spoken.empty() && kind != "audio") throw InputError("", "spoken", "only audio is spoken");
  if (rows < 0 || columns < 0 || (rows == 0) != (columns == 0)) {
    throw InputError("", "rows", "rows and columns are both positive, or both 0");
  }
  if (sample_rate < 1000 || sample_rate > 192'000) throw InputError("", "sample_rate", "must lie in 1000..192000");
}

void VariationOptions::validate() const {
  if (copies < 0 || copies > 1000) throw InputError("", "copies", "must lie in 0..1000");
  if (!(shift >= 0.0 && shift < 1.0)) throw InputError("", "shift", "must lie in 0..1");
  if (!(scale >= 0.0 && scale < 2.0)) throw InputError("", "scale", "must lie in 0..2");
  if (!(turn >= 0.0 && turn <= 180.0)) throw InputError("", "turn", "must lie in 0..180 degrees");
  if (!(tone >= 0.0 && tone < 2.0)) throw InputError("", "tone", "must lie in 0..2");
}

void SplitOptions::validate() const {
  if (!(0.0 <= from && from < to && to <= 1.0)) throw InputError("", "from", "0 <= from < to <= 1 is needed");
}

void SpeechOptions::validate() const {
  if (processes < 1 || processes > 64) throw InputError("", "processes", "must lie in 1..64");
  if (!(silence >= 0.0 && silence < 1.0)) throw InputError("", "silence", "must lie in 0..1");
  if (!(margin >= 0.0 && margin <= 10.0)) throw InputError("", "margin", "must lie in 0..10 seconds");
}

void Hdf5Options::validate() const {
  if (memory_mb < 64 || memory_mb > 1 << 20) throw InputError("", "memory_mb", "must lie in 64..1048576");
  if (!(stall_seconds > 0.0 && stall_seconds <= 86'400.0))
    throw InputError("", "stall_seconds", "must lie in 0..86400");
}

void VideoOptions::validate() const {
  if (!(clip_seconds > 0.0 && clip_seconds <= 600.0)) throw InputError("", "clip_seconds", "must lie in 0..600");
  if (frames < 1 || frames > 1000) throw InputError("", "frames", "must lie in 1..1000");
  if (files.empty()) throw InputError("", "files", "names no extension");
}

void LimitOptions::validate() const {
  if (!(max_seconds > 0.0 && max_seconds <= 86'400.0)) throw InputError("", "max_seconds", "must lie in 0..86400");
  if (!(max_megapixels > 0.0 && max_megapixels <= 1000.0))
    throw InputError("", "max_megapixels", "must lie in 0..1000");
  if (!(film_megapixels > 0.0 && film_megapixels <= 100.0))
    throw InputError("", "film_megapixels", "must lie in 0..100");
  if (!(film_hours > 0.0 && film_hours <= 8760.0)) throw InputError("", "film_hours", "must lie in 0..8760");
  if (text_mb < 1 || text_mb > 256) throw InputError("", "text_mb", "must lie in 1..256");
  if (json_mb < 1 || json_mb > 256) throw InputError("", "json_mb", "must lie in 1..256");
  if (json_levels < 1 || json_levels > 1000) throw InputError("", "json_levels", "must lie in 1..1000");
  if (json_values < 1) throw InputError("", "json_values", "must be at least 1");
}

MediaLimits LimitOptions::media() const {
  MediaLimits limits;
  limits.image.max_pixels = std::llround(max_megapixels * kMillion);
  limits.audio.max_seconds = max_seconds;
  return limits;
}

FilmLimits LimitOptions::film() const { return {film_hours * 3600.0, std::llround(film_megapixels * kMillion)}; }

void DataOptions::validate() const {
  if (!group.empty() && !group_field.empty())
    throw InputError("", "group_field", "a sample's group is of its key (group) or of a field, not both");
  if (roles.empty()) throw InputError("", "roles", "at least one role is needed");
  if (splits.empty()) throw InputError("", "splits", "at least one split is needed");
  check_names(names_of(roles), "roles");
  check_names(names_of(splits), "splits");
  for (const auto& [name, role] : roles) {
    if (!role.spoken.empty()) check_spoken(*this, name, role);
  }
}

std::filesystem::path find_data(const std::string& path, const std::string& key) {
  namespace fs = std::filesystem;
  if (path.empty()) throw InputError("", key, "must be given, in the recipe or as " + key + "=PATH");
  if (fs::exists(path)) return path;
  const fs::path below = recipe_root().parent_path().parent_path() / path;
  if (fs::path(path).is_relative() && fs::exists(below)) return below;
  throw InputError(path, key, "no such file or folder");
}

}  // namespace palimpsest
