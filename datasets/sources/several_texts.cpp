#include "datasets/sources/several_texts.h"

#include "base/random.h"

namespace palimpsest {

namespace {

std::string_view trim_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Where "#2of5" begins at the key's end, or npos.
std::size_t wording_mark(const std::string& key) {
  const std::size_t mark = key.rfind('#');
  if (mark == std::string::npos) return mark;
  const std::size_t of = key.find("of", mark);
  if (of == std::string::npos || of == mark + 1 || of + 2 == key.size()) return std::string::npos;
  const auto digits = [&key](std::size_t from, std::size_t to) {
    return std::all_of(key.begin() + static_cast<std::ptrdiff_t>(from), key.begin() + static_cast<std::ptrdiff_t>(to),
                       [](char character) { return character >= '0' && character <= '9'; });
  };
  return digits(mark + 1, of) && digits(of + 2, key.size()) ? mark : std::string::npos;
}

// Where a piece of at most `bytes` of the longer text ends best.
std::size_t end_of_piece(std::string_view text, std::size_t bytes) {
  const std::string_view piece = text.substr(0, bytes);
  for (const std::string_view mark : {"\n\n", "\n", ". ", " "}) {
    const std::size_t found = piece.rfind(mark);
    if (found != std::string_view::npos && found + mark.size() > bytes / 2) return found + mark.size();
  }
  const auto inside = [&text](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; };
  std::size_t end = bytes;
  while (end > bytes - 3 && inside(end)) --end;  // a character has four bytes at most
  return end;
}

}  // namespace

std::vector<std::string_view> split_text(std::string_view text, std::int64_t bytes) {
  std::vector<std::string_view> pieces;
  while (static_cast<std::int64_t>(text.size()) > bytes) {
    const std::size_t end = end_of_piece(text, static_cast<std::size_t>(bytes));
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!text.empty() || pieces.empty()) pieces.push_back(text);
  return pieces;
}

std::vector<std::string_view> wordings_of(std::string_view text, const RoleOptions& role) {
  if (role.several == SeveralTexts::kWhole && role.prefix.empty()) return {text};
  std::vector<std::string_view> wordings;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(role.prefix)) continue;
    line.remove_prefix(role.prefix.size());
    if (!line.empty()) wordings.push_back(line);
  }
  return wordings;
}

std::vector<std::string_view> choose_wordings(std::vector<std::string_view> wordings, const RoleOptions& role,
                                              const std::string& key, const std::string& name) {
  if (wordings.size() < 2 || role.several == SeveralTexts::kEach) return wordings;
  if (role.several == SeveralTexts::kFirst) return {wordings.front()};
  if (role.several == SeveralTexts::kDraw) {
    return {wordings[RandomKey::root(0).fold("wording").fold(key).below(wordings.size(), 0)]};
  }
  throw InputError(key, name,
                   "has " + std::to_string(wordings.size()) + " texts; the role's `several` says which to take");
}

std::string wording_key(const std::string& key, std::size_t index, std::size_t count) {
  return count == 1 ? key : key + "#" + std::to_string(index + 1) + "of" + std::to_string(count);
}

std::string without_wording(const std::string& key) {
  const std::size_t mark = wording_mark(key);
  return mark == std::string::npos ? key : without_wording(key.substr(0, mark));
}

}  // namespace palimpsest
