#include "datasets/sources/table.h"

#include "base/bounded_json.h"
#include "base/errors.h"
#include "base/files.h"
#include "datasets/sources/data_options.h"
#include "modalities/media/text.h"

namespace palimpsest {

namespace {

constexpr const char* kFile = "file";

using Rows = std::map<std::string, nlohmann::json>;

// A file that is named again says more of the same: what differs between its rows becomes a list.
void merge_row(nlohmann::json& known, const nlohmann::json& row) {
  for (const auto& [column, value] : row.items()) {
    nlohmann::json& before = known[column];
    if (before.is_null()) {
      before = value;
    } else if (before.is_array()) {
      before.push_back(value);
    } else if (before != value) {
      before = nlohmann::json::array({before, value});
    }
  }
}

void add_row(Rows& rows, nlohmann::json row, const std::string& name, std::size_t line) {
  const auto file = row.find(kFile);
  if (file == row.end() || !file->is_string()) throw InputError(name, "line " + std::to_string(line), "has no 'file'");
  const std::string key = file->get<std::string>();
  row.erase(kFile);
  const auto [place, fresh] = rows.emplace(key, row);
  if (!fresh) merge_row(place->second, row);
}

Rows read_cells(std::string_view text, const std::string& name, char separator) {
  const auto lines = parse_csv(text, name, separator);
  if (lines.empty()) throw InputError(name, "", "is empty; its first line names the columns, one of them 'file'");
  const auto& header = lines.front();
  if (std::find(header.begin(), header.end(), kFile) == header.end())
    throw InputError(name, "line 1", "names no column 'file'");
  for (auto column = header.begin(); column != header.end(); ++column) {
    if (std::find(header.begin(), column, *column) != column)
      throw InputError(name, "line 1", "names the column '" + *column + "' twice");
  }
  Rows rows;
  for (std::size_t line = 1; line < lines.size(); ++line) {
    if (lines[line].size() != header.size()) {
      throw InputError(
          name, "row " + std::to_string(line),
          "has " + std::to_string(lines[line].size()) + " cells, the header " + std::to_string(header.size()));
    }
    nlohmann::json row = nlohmann::json::object();
    for (std::size_t column = 0; column < header.size(); ++column) row[header[column]] = lines[line][column];
    add_row(rows, std::move(row), name, line + 1);
  }
  return rows;
}

Rows read_jsonl(std::string_view text, const std::string& name) {
  Rows rows;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view row_text = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row_text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    nlohmann::json row = parse_json(row_text, name + ", line " + std::to_string(line), LimitOptions{}.json());
    if (!row.is_object()) throw InputError(name, "line " + std::to_string(line), "is not a JSON object");
    add_row(rows, std::move(row), name, line);
  }
  return rows;
}

}  // namespace

std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& name, char separator) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> cells(1);
  bool quoted = false;
  const auto end_line = [&] {
    if (cells.size() > 1 || !cells.front().empty()) lines.push_back(std::move(cells));
    cells.assign(1, "");
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char character = text[at];
    if (quoted) {
      if (character != '"') {
        cells.back() += character;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        cells.back() += text[++at];
      } else {
        quoted = false;
      }
    } else if (character == '"' && cells.back().empty()) {
      quoted = true;
    } else if (character == separator) {
      cells.emplace_back();
    } else if (character == '\n') {
      end_line();
    } else if (character != '\r' || at + 1 == text.size() || text[at + 1] != '\n') {
      cells.back() += character;
    }
  }
  if (quoted) throw InputError(name, "row " + std::to_string(lines.size() + 1), "a quote is never closed");
  end_line();
  return lines;
}

std::map<std::string, nlohmann::json> read_table(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  std::string_view text = content;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t bad = first_invalid_utf8(text);
  if (bad != std::string_view::npos)
    throw InputError(path.string(), "byte " + std::to_string(bad), "is not valid UTF-8");
  if (path.extension() == ".csv") return read_cells(text, path.string(), ',');
  if (path.extension() == ".tsv") return read_cells(text, path.string(), '\t');
  if (path.extension() == ".jsonl") return read_jsonl(text, path.string());
  throw InputError(path.string(), "", "a table is a .csv, .tsv or .jsonl file");
}

}  // namespace palimpsest
