// Small data sets for tests.
#pragma once

#include <ATen/ops/full.h>

#include <vector>

#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"
#include "modalities/media/image.h"

namespace palimpsest {

inline const std::filesystem::path kTinyTar =
    std::filesystem::path(PALIMPSEST_SOURCE_DIR) / "tests/data/emoji-tiny.tar";
inline const std::filesystem::path kBundled = std::filesystem::path(PALIMPSEST_SOURCE_DIR) / "datasets/bundled/emoji4";

inline std::string grey_png(std::int64_t rows, std::int64_t columns, int level = 128) {
  return encode_png({at::full({rows, columns, 3}, level, at::kByte)});
}

inline RoleOptions caption_role() {
  RoleOptions role;
  role.kind = "text";
  role.members = {"txt", "json"};
  role.field = "caption";
  return role;
}

inline RoleOptions picture_role() {
  RoleOptions role;
  role.kind = "image";
  role.members = {"webp", "png", "jpg"};
  return role;
}

inline RoleOptions speech_role() {
  RoleOptions role;
  role.kind = "audio";
  role.spoken = "caption";
  return role;
}

// The tiny set with captions and pictures; all of it in split "all".
inline DataOptions tiny_data() {
  DataOptions data;
  data.source = kTinyTar.string();
  data.roles = {{"caption", caption_role()}, {"picture", picture_role()}};
  data.splits["all"] = {};
  return data;
}

inline std::vector<ReadResult> read_all(Source& source) {
  std::vector<ReadResult> results;
  while (auto result = source.next()) {
    finish(*result);
    results.push_back(std::move(*result));
  }
  return results;
}

inline std::string caption_of(const Sample& sample) { return std::get<Text>(sample.roles.at("caption")).utf8; }

}  // namespace palimpsest
