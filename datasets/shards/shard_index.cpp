#include "datasets/shards/shard_index.h"

#include <algorithm>

#include "base/bounded_json.h"
#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kIndexFormat = 2;
constexpr std::int64_t kMostDeflation = 1040;  // zlib never does better than one byte for so many
constexpr std::size_t kSumDigits = 16;
constexpr const char* kIndexKey = "/index";

nlohmann::json place_to_json(const ArrayPlace& place) {
  return {place.begin, place.bytes, place.count, place.width, place.deflated ? 1 : 0, place.sum};
}

void check_place(const ArrayPlace& place, std::int64_t file_bytes) {
  const bool inside = place.begin >= 0 && place.bytes >= 0 && place.begin <= file_bytes - place.bytes;
  const bool width = place.width == 1 || place.width == 2 || place.width == 4 || place.width == 8;
  if (!inside || !width || place.count < 0) throw InputError("", "", "must lie within the file");
  const std::int64_t most = place.deflated ? kMostDeflation * (place.bytes + 1) : place.bytes;
  const bool fits = place.count <= most / place.width && (place.deflated || place.count * place.width == place.bytes);
  if (!fits) throw InputError("", "", "must have as many values as its bytes hold");
}

ArrayPlace place_from_json(const nlohmann::json& json, std::int64_t file_bytes) {
  ArrayPlace place{json.at(0), json.at(1), json.at(2), json.at(3), json.at(4) != 0, json.at(5)};
  check_place(place, file_bytes);
  return place;
}

nlohmann::json places_to_json(const ArrayPlaces& places) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, place] : places) json[name] = place_to_json(place);
  return json;
}

ArrayPlaces places_from_json(const nlohmann::json& json, std::int64_t file_bytes) {
  ArrayPlaces places;
  for (const auto& [name, place] : json.items()) {
    try {
      places[name] = place_from_json(place, file_bytes);
    } catch (const InputError& error) {
      throw InputError("", name, error.what());
    }
  }
  return places;
}

// A sum, or as many digits where it is not known yet.
std::string digits(const std::string& sum) { return sum.empty() ? std::string(kSumDigits, '0') : sum; }

RowGroupPlace group_from_json(const nlohmann::json& json, std::int64_t file_bytes) {
  RowGroupPlace group{json.at("rows"), places_from_json(json.at("arrays"), file_bytes)};
  if (group.rows < 1) throw InputError("", "rows", "must be at least 1");
  return group;
}

ShardIndex from_json(const nlohmann::json& json, std::int64_t file_bytes) {
  if (json.at("format") != kIndexFormat) throw InputError("", "format", "is not " + std::to_string(kIndexFormat));
  ShardIndex index;
  index.split = json.at("split");
  index.source = json.at("source");
  index.superblock = json.at("superblock");
  index.headers = json.at("headers");
  for (const auto& [role, tokens] : json.at("roles").items()) index.roles.emplace(role, RoleTokens::from_json(tokens));
  index.layouts = places_from_json(json.at("layouts"), file_bytes);
  for (const auto& group : json.at("groups")) index.groups.push_back(group_from_json(group, file_bytes));
  return index;
}

}  // namespace

nlohmann::json RoleTokens::to_json() const {
  return {{"fingerprint", fingerprint}, {"modality", space.modality}, {"sub_range_sizes", space.sub_range_sizes}};
}

RoleTokens RoleTokens::from_json(const nlohmann::json& json) {
  RoleTokens tokens{
      json.at("fingerprint").get<std::string>(),
      {json.at("modality").get<std::string>(), json.at("sub_range_sizes").get<std::vector<std::int64_t>>()}};
  for (const std::int64_t size : tokens.space.sub_range_sizes) {
    if (size < 1 || size > std::int64_t{1} << 40) throw InputError("", "sub_range_sizes", "must lie in 1..2^40");
  }
  return tokens;
}

bool RoleTokens::operator==(const RoleTokens& other) const { return to_json() == other.to_json(); }

std::int64_t ShardIndex::rows() const {
  std::int64_t sum = 0;
  for (const RowGroupPlace& group : groups) sum += group.rows;
  return sum;
}

std::vector<std::pair<std::int64_t, std::int64_t>> ShardIndex::header_ranges(
    std::int64_t bytes, std::pair<std::int64_t, std::int64_t> index) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> taken{
      {0, std::min(kSuperblockBytes, bytes)}, index, {bytes, bytes}};
  const auto take = [&taken](const ArrayPlaces& places) {
    for (const auto& [name, place] : places) taken.emplace_back(place.begin, place.begin + place.bytes);
  };
  take(layouts);
  for (const RowGroupPlace& group : groups) take(group.arrays);
  std::sort(taken.begin(), taken.end());
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  std::int64_t end = 0;
  for (const auto& [begin, stop] : taken) {
    if (begin > end) ranges.emplace_back(end, begin);
    end = std::max(end, stop);
  }
  return ranges;
}

std::string ShardIndex::format() const {
  nlohmann::json json{{"format", kIndexFormat},
                      {"split", split},
                      {"source", source},
                      {"superblock", digits(superblock)},
                      {"headers", digits(headers)},
                      {"roles", nlohmann::json::object()},
                      {"layouts", places_to_json(layouts)},
                      {"groups", nlohmann::json::array()}};
  for (const auto& [role, tokens] : roles) json["roles"][role] = tokens.to_json();
  for (const RowGroupPlace& group : groups)
    json["groups"].push_back({{"rows", group.rows}, {"arrays", places_to_json(group.arrays)}});
  return json.dump();
}

ShardIndex ShardIndex::parse(std::string_view text, const std::string& file, std::int64_t bytes) {
  try {
    return from_json(parse_json(text, ""), bytes);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(file, kIndexKey, error.what());
  } catch (const InputError& error) {
    throw InputError(file, kIndexKey, error.what());
  }
}

}  // namespace palimpsest
