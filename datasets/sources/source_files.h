// The files that `data.source` names: one, or several by braces and wildcards.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace palimpsest {

// "{a,b}" and "{000..012}" spelled out in order, nested too, as shells do: "x-{08..10}.tar" is x-08.tar, x-09.tar,
// x-10.tar. A brace that is not closed or holds neither stays as it is.
std::vector<std::string> expand_braces(const std::string& pattern);

// A path that is there is itself; otherwise braces are spelled out, then *, ? and [...] matched, each in bytewise
// order. Relative paths are looked up as find_data does. InputError naming `key`: nothing given, a file that is not
// there, wildcards that match nothing.
std::vector<std::filesystem::path> find_data_files(const std::string& source, const std::string& key);

// Does the name hold braces or wildcards?
bool is_pattern(const std::string& name);

}  // namespace palimpsest
