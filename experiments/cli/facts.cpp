#include "experiments/cli/facts.h"

#include <array>
#include <cstdio>
#include <iostream>
#include <sstream>

namespace palimpsest {

namespace {

constexpr std::size_t kIndent = 2, kGap = 2;  // letters

using Cells = std::vector<std::vector<std::string>>;

std::string spaced(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  return key;
}

bool is_table(const Facts& value) { return value.is_array() && !value.empty() && value.front().is_object(); }

bool is_single(const Facts& value) { return !is_table(value) && (!value.is_object() || value.empty()); }

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string value_text(const Facts& value) {
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  if (!value.is_structured()) return value.dump();
  std::string joined;
  for (const Facts& item : value) joined += (joined.empty() ? "" : ", ") + value_text(item);
  return joined.empty() ? "none" : joined;
}

// Letters of a UTF-8 text: bytes that begin one.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// Columns as wide as their widest cell; no blanks at line ends.
std::string aligned(const Cells& lines, std::size_t indent) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    text += std::string(indent, ' ');
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text += std::string(widths[i] - width_of(line[i]) + kGap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  return text;
}

std::string format_rows(const Facts& rows, std::size_t indent) {
  Cells lines(1);
  for (const auto& [key, value] : rows.front().items()) lines.front().push_back(spaced(key));
  for (const Facts& row : rows) {
    lines.emplace_back();
    for (const auto& [key, value] : row.items()) lines.back().push_back(value_text(value));
  }
  return aligned(lines, indent);
}

std::string format_object(const Facts& facts, std::size_t indent) {
  Cells singles;
  for (const auto& [key, value] : facts.items()) {
    if (is_single(value)) singles.push_back({spaced(key), value_text(value)});
  }
  std::string text = aligned(singles, indent);
  for (const auto& [key, value] : facts.items()) {
    if (is_single(value)) continue;
    text += std::string(indent, ' ') + spaced(key) + "\n";
    text += is_table(value) ? format_rows(value, indent + kIndent) : format_object(value, indent + kIndent);
  }
  return text;
}

}  // namespace

std::string format_facts(const Facts& facts) { return format_object(facts, 0); }

Facts to_facts(const toml::table& table) {
  std::ostringstream text;
  text << toml::json_formatter{table};
  return Facts::parse(text.str());
}

void print_facts(const Facts& facts, bool json) {
  if (json) {
    // A caption or a reason may quote bytes that are not UTF-8.
    std::cout << facts.dump(1, ' ', false, Facts::error_handler_t::replace) << "\n";
  } else {
    std::cout << format_facts(facts);
  }
}

}  // namespace palimpsest
