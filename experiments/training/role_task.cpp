#include "experiments/training/role_task.h"

#include <set>
#include <sstream>

#include "base/errors.h"

namespace palimpsest {

namespace {

std::vector<std::string> comma_separated(const std::string& text) {
  std::istringstream parts(text);
  std::vector<std::string> names;
  for (std::string part; std::getline(parts, part, ',');) {
    std::erase(part, ' ');
    if (!part.empty()) names.push_back(part);
  }
  return names;
}

std::string joined(const std::vector<std::string>& names, const std::string& between) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : between) + name;
  return text;
}

}  // namespace

std::vector<std::string> RoleTask::roles() const {
  std::vector<std::string> all = given;
  all.insert(all.end(), wanted.begin(), wanted.end());
  return all;
}

std::string RoleTask::name() const { return joined(given, ",") + "->" + joined(wanted, ","); }

std::string RoleTask::folder() const {
  return (given.empty() ? "" : joined(given, "-") + "-to-") + joined(wanted, "-");
}

RoleTask parse_role_task(const std::string& text, const CanvasSchema& schema, const std::string& file,
                         const std::string& key) {
  const std::size_t arrow = text.find("->");
  if (arrow == std::string::npos) {
    throw InputError(file, key, "a task is written \"given, ... -> wanted, ...\", got '" + text + "'");
  }
  RoleTask task{comma_separated(text.substr(0, arrow)), comma_separated(text.substr(arrow + 2))};
  if (task.wanted.empty()) throw InputError(file, key, "'" + text + "' wants nothing");
  std::vector<std::string> known;
  for (const Role& role : schema.roles()) known.push_back(role.name);
  std::set<std::string> seen;
  for (const std::string& role : task.roles()) {
    if (std::find(known.begin(), known.end(), role) == known.end()) {
      throw InputError(file, key, "'" + text + "': unknown role '" + role + "'" + suggest(role, known));
    }
    if (!seen.insert(role).second) throw InputError(file, key, "'" + text + "' names role '" + role + "' twice");
  }
  return task;
}

}  // namespace palimpsest
