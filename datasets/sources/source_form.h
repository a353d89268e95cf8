// Forms of a source: what `data.form` of a recipe can be. Each lies in a file of its own; one list (source_form.cpp)
// names them all.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/catalogue.h"
#include "datasets/sources/members.h"

namespace palimpsest {

struct SourceForm {
  std::string name;      // the value of data.form
  std::string line;      // what it reads, for the catalogue
  std::string settings;  // its own table below [data]; "" when it has none

  // Is it the form of this path (or pattern) when the recipe says "auto"? Null: only by name.
  bool (*claims)(const std::filesystem::path& path);
  // What decides the samples besides the recipe, such as the files by size and content.
  std::string (*identity)(const DataOptions& data);
  // InputError naming the key for what is not there or cannot be.
  std::unique_ptr<Source> (*open)(const DataOptions& data, MemberRequest request);
};

// All of them, in the order in which "auto" asks.
const std::vector<SourceForm>& source_forms();

// The data's form. InputError: a name that there is none of (nearest suggested), a path that none claims.
const SourceForm& form_of(const DataOptions& data);

// The same, one line each, for people.
std::vector<CatalogueEntry> source_catalogue();

}  // namespace palimpsest
