#include "datasets/puzzles/records.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "base/shuffle.h"

namespace palimpsest {

namespace {

enum class FieldKind { kNumber, kChoice, kList, kLink, kSum };

struct Field {
  std::string name;
  FieldKind kind = FieldKind::kNumber;
  std::int64_t low = 0, high = 0;    // of a number; low: length of a list
  std::vector<std::string> words{};  // of a choice or list; the fields that a link or sum names
};
using Schema = std::vector<Field>;

constexpr auto kNames =
    std::to_array<const char*>({"age", "size", "hue", "kind", "cost", "rank", "spot", "code", "unit", "part"});
constexpr auto kLinkNames = std::to_array<const char*>({"twin", "all", "same", "both"});
constexpr auto kWords = std::to_array<const char*>({"red", "green", "blue", "oak", "elm", "fir", "yes", "no"});
constexpr std::int64_t kLongestList = 9;

std::string joined(const std::vector<std::string>& words, char between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(1, between)) + word;
  return text;
}

std::vector<std::string> split_at(const std::string& text, char between) {
  std::vector<std::string> parts(1);
  for (const char letter : text) {
    if (letter == between) {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && rest == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string spelled_field(const Field& field) {
  switch (field.kind) {
    case FieldKind::kNumber:
      return field.name + ":" + std::to_string(field.low) + ".." + std::to_string(field.high);
    case FieldKind::kChoice:
      return field.name + ":" + joined(field.words, '|');
    case FieldKind::kList:
      return field.name + ":" + std::to_string(field.low) + "*" + joined(field.words, '|');
    case FieldKind::kLink:
      return field.name + ":=" + field.words.at(0);
    case FieldKind::kSum:
      return field.name + ":" + joined(field.words, '+');
  }
  return "";
}

std::string spelled_schema(const Schema& schema) {
  std::vector<std::string> fields;
  for (const Field& field : schema) fields.push_back(spelled_field(field));
  return joined(fields, ';');
}

std::optional<Field> read_field(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return std::nullopt;
  Field field{text.substr(0, colon)};
  std::string rule = text.substr(colon + 1);
  if (const std::size_t dots = rule.find(".."); dots != std::string::npos) {
    const auto low = whole_number(rule.substr(0, dots)), high = whole_number(rule.substr(dots + 2));
    if (!low || !high) return std::nullopt;
    field.low = *low;
    field.high = *high;
    return field;
  }
  if (rule.front() == '=') {
    field.kind = FieldKind::kLink;
    field.words = {rule.substr(1)};
    return field;
  }
  field.kind = FieldKind::kChoice;
  if (const std::size_t times = rule.find('*'); times != std::string::npos) {
    const auto length = whole_number(rule.substr(0, times));
    if (!length || *length < 1 || *length > kLongestList) return std::nullopt;
    field.kind = FieldKind::kList;
    field.low = *length;
    rule.erase(0, times + 1);
  } else if (rule.find('+') != std::string::npos) {
    field.kind = FieldKind::kSum;
  }
  field.words = split_at(rule, field.kind == FieldKind::kSum ? '+' : '|');
  if (field.kind == FieldKind::kSum && field.words.size() != 2) return std::nullopt;
  return field;
}

// Fields refer to fields before them, sums to number fields.
bool is_sound(const Schema& schema) {
  std::set<std::string> names, numbers;
  for (const Field& field : schema) {
    for (const std::string& word : field.words) {
      if (field.kind == FieldKind::kLink && !names.contains(word)) return false;
      if (field.kind == FieldKind::kSum && !numbers.contains(word)) return false;
    }
    if (!names.insert(field.name).second) return false;
    if (field.kind == FieldKind::kNumber) numbers.insert(field.name);
  }
  return true;
}

std::optional<Schema> read_schema(const std::string& text) {
  Schema schema;
  for (const std::string& part : split_at(text, ';')) {
    auto field = read_field(part);
    if (!field) return std::nullopt;
    schema.push_back(std::move(*field));
  }
  return is_sound(schema) ? std::optional(schema) : std::nullopt;
}

class RecordMaker : public PuzzleMaker {
 public:
  explicit RecordMaker(const RecordOptions& options) : options_(options) {}

  Puzzle make(RandomKey key) const override {
    const Schema schema = draw_schema(key.fold("schema"));
    nlohmann::ordered_json record;
    for (const Field& field : schema) record[field.name] = value(field, record, key.fold("value").fold(field.name));
    const std::string question = spelled_schema(schema);
    return {question, record.dump(), question};
  }

 private:
  Schema draw_schema(RandomKey key) const {
    const auto own = static_cast<std::size_t>(options_.fewest) +
                     key.below(static_cast<std::uint64_t>(options_.most - options_.fewest + 1), 0);
    const auto names = shuffled(kNames.size(), key.fold("names")),
               links = shuffled(kLinkNames.size(), key.fold("links"));
    Schema schema;
    for (std::size_t i = 0; i < own; ++i) {
      const RandomKey drawn = key.fold(i);
      const auto kind = i == 0 ? FieldKind::kNumber : static_cast<FieldKind>(drawn.below(3, 0));
      schema.push_back(draw_field(kNames[names[i]], kind, drawn));
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(options_.linked); ++i)
      schema.push_back(draw_link(kLinkNames[links[i]], schema, own, key.fold("link").fold(i)));
    return schema;
  }

  Field draw_field(const char* name, FieldKind kind, RandomKey key) const {
    Field field{name, kind};
    if (kind == FieldKind::kNumber) {
      const auto bound = static_cast<std::uint64_t>(options_.largest) + 1;
      const auto a = static_cast<std::int64_t>(key.below(bound, 1)), b = static_cast<std::int64_t>(key.below(bound, 2));
      field.low = std::min(a, b);
      field.high = std::max(a, b);
      return field;
    }
    const auto order = shuffled(kWords.size(), key.fold("words"));
    for (std::size_t i = 0; i < 2 + key.below(2, 3); ++i) field.words.emplace_back(kWords[order[i]]);
    if (kind == FieldKind::kList) field.low = 1 + static_cast<std::int64_t>(key.below(3, 4));
    return field;
  }

  // A sum of two numbers, when there are two and the key says so; otherwise the value of a field.
  static Field draw_link(const char* name, const Schema& schema, std::size_t own, RandomKey key) {
    std::vector<std::string> numbers;
    for (std::size_t i = 0; i < own; ++i) {
      if (schema[i].kind == FieldKind::kNumber) numbers.push_back(schema[i].name);
    }
    Field field{name, FieldKind::kLink};
    if (numbers.size() < 2 || key.below(2, 0) == 0) {
      field.words = {schema[key.below(own, 1)].name};
      return field;
    }
    const auto order = shuffled(numbers.size(), key.fold("sum"));
    field.kind = FieldKind::kSum;
    field.words = {numbers[order[0]], numbers[order[1]]};
    return field;
  }

  static nlohmann::ordered_json value(const Field& field, const nlohmann::ordered_json& record, RandomKey key) {
    switch (field.kind) {
      case FieldKind::kNumber:
        return field.low +
               static_cast<std::int64_t>(key.below(static_cast<std::uint64_t>(field.high - field.low + 1), 0));
      case FieldKind::kChoice:
        return field.words[key.below(field.words.size(), 0)];
      case FieldKind::kList: {
        auto list = nlohmann::ordered_json::array();
        for (std::int64_t i = 0; i < field.low; ++i)
          list.push_back(field.words[key.below(field.words.size(), static_cast<std::uint64_t>(i))]);
        return list;
      }
      case FieldKind::kLink:
        return record.at(field.words[0]);
      case FieldKind::kSum:
        return record.at(field.words[0]).get<std::int64_t>() + record.at(field.words[1]).get<std::int64_t>();
    }
    return nullptr;
  }

  RecordOptions options_;
};

bool is_word_of(const nlohmann::json& value, const Field& field) {
  return value.is_string() &&
         std::find(field.words.begin(), field.words.end(), value.get<std::string>()) != field.words.end();
}

// The rule that a field's value breaks; fields before it are known to be right.
std::string broken_rule(const Field& field, const nlohmann::json& record) {
  const nlohmann::json& value = record.at(field.name);
  switch (field.kind) {
    case FieldKind::kNumber:
      return value.is_number_integer() && value >= field.low && value <= field.high ? "" : "range";
    case FieldKind::kChoice:
      return is_word_of(value, field) ? "" : "choice";
    case FieldKind::kList:
      return value.is_array() && static_cast<std::int64_t>(value.size()) == field.low &&
                     std::all_of(value.begin(), value.end(), [&](const auto& item) { return is_word_of(item, field); })
                 ? ""
                 : "list";
    case FieldKind::kLink:
      return value == record.at(field.words[0]) ? "" : "link";
    case FieldKind::kSum:
      return value.is_number_integer() && value == record.at(field.words[0]).get<std::int64_t>() +
                                                       record.at(field.words[1]).get<std::int64_t>()
                 ? ""
                 : "sum";
  }
  return "";
}

// The record, or the rule that its text breaks. A key that comes twice is no record.
std::optional<nlohmann::json> read_record(const std::string& answer, Ruling& ruling) {
  std::vector<std::set<std::string>> keys;
  bool repeated = false;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key) repeated |= !keys.back().insert(parsed.get<std::string>()).second;
    return true;
  };
  try {
    auto record = nlohmann::json::parse(answer, watch);
    if (record.is_object() && !repeated) return record;
    ruling = {"object", repeated ? "a field twice" : "not an object"};
  } catch (const nlohmann::json::parse_error& error) {
    ruling = {"json", "byte " + std::to_string(error.byte)};
  } catch (const nlohmann::json::out_of_range&) {
    ruling = {"json", "a number beyond all bounds"};
  }
  return std::nullopt;
}

}  // namespace

void RecordOptions::validate() const {
  if (fewest < 1 || most < fewest || most > static_cast<std::int64_t>(kNames.size()))
    throw InputError("", "fewest", "1 <= fewest <= most <= 10 is needed");
  if (linked < 0 || linked > static_cast<std::int64_t>(kLinkNames.size()))
    throw InputError("", "linked", "must lie in 0..4");
  if (largest < 1 || largest > 1'000'000'000) throw InputError("", "largest", "must lie in 1..1000000000");
}

std::unique_ptr<PuzzleMaker> record_maker(const RecordOptions& options) {
  return std::make_unique<RecordMaker>(options);
}

Ruling check_record(const std::string& question, const std::string& answer) {
  const auto schema = read_schema(question);
  if (!schema) return {"question", ""};
  Ruling ruling;
  const auto record = read_record(answer, ruling);
  if (!record) return ruling;
  for (const Field& field : *schema) {
    if (!record->contains(field.name)) return {"missing", "field " + field.name};
    const std::string rule = broken_rule(field, *record);
    if (!rule.empty()) return {rule, "field " + field.name};
  }
  for (const auto& [name, value] : record->items()) {
    const bool known =
        std::any_of(schema->begin(), schema->end(), [&name = name](const Field& field) { return field.name == name; });
    if (!known) return {"unknown", "field " + name};
  }
  return {};
}

}  // namespace palimpsest
