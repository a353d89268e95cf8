// Catalogues: what a recipe's table can choose, one line and one paper each.
#pragma once

#include <string>
#include <vector>

namespace palimpsest {

struct CatalogueEntry {
  std::string group;  // the key of the table that takes the name, such as `unmask`; for numbers the key itself
  std::string name;   // its value; for numbers empty
  std::string line;   // what it chooses
  std::string paper;  // where it comes from; empty where it is the plain way
};

}  // namespace palimpsest
