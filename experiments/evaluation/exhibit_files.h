// Exhibits on disk: what was made as PNG, WAV and TXT, with an index that it is read back by.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/evaluation/showcase.h"

namespace palimpsest {

// Where exhibits lie, and what else they hang on (weights, seed): one that was made with other settings is another.
struct ExhibitPlace {
  std::filesystem::path directory;
  nlohmann::json settings;
};

// DIRECTORY/SHOW/, whole or not there at all: NN-KEY-{given,made,true}-ROLE.{png,wav,txt}, film.png, sheet.png (all
// pictures that were made) and exhibit.json. Slashes of keys become dashes.
void write_exhibit(const Exhibit& exhibit, const ExhibitPlace& place);

// The exhibit of a task that lies there; nothing when there is none, one with other settings, or one whose files are
// not all there any more.
std::optional<Exhibit> read_exhibit(const Show& show, const ExhibitPlace& place);

}  // namespace palimpsest
