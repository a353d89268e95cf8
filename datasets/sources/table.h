// Tables that say more about a folder's files: CSV with a header line (RFC 4180), the same with tabs, or one JSON
// object a line.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

// Rows by their `file` column; the other columns are the row's fields. A file that is named by several rows (several
// captions) has one, where each column whose values differ is a list of them. InputError names line and rule: no
// `file`, another number of cells than the header has, an open quote, bad JSON, not UTF-8.
std::map<std::string, nlohmann::json> read_table(const std::filesystem::path& path);

// The cells of every line of a CSV; quoted cells may hold commas, line ends and doubled quotes. `name` is for errors.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& name, char separator = ',');

}  // namespace palimpsest
