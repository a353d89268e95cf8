#include "datasets/prepare/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "base/bounded_json.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/options.h"

namespace palimpsest {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw IoError(path.string(), "", std::string(what) + ": " + std::generic_category().message(errno));
}

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      : path_(path), number_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (number_ < 0) fail(path_, "cannot open");
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  std::int64_t size() const { return ::lseek(number_, 0, SEEK_END); }
  void cut(std::int64_t size) const {
    if (::ftruncate(number_, size) != 0) fail(path_, "cannot be cut");
  }
  void write_at(std::int64_t at, std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::pwrite(number_, text.data(), text.size(), at);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "cannot write");
      text.remove_prefix(static_cast<std::size_t>(written));
      at += written;
    }
  }
  void sync() const {
    if (::fsync(number_) != 0) fail(path_, "cannot flush to the disk");
  }

 private:
  std::filesystem::path path_;
  int number_;
};

LedgerRow parse_row(const std::string& line) {
  const auto json = parse_json(line, "");
  LedgerRow row;
  row.split = json.at("split");
  row.index = json.at("index");
  row.key = json.at("key");
  row.outcome = parse_enum<Outcome>(json.at("outcome").get<std::string>(), "", "outcome");
  row.shard = json.value("shard", "");
  row.row = json.value("row", std::int64_t{0});
  row.reason = json.value("reason", "");
  row.rule = json.value("rule", "");
  row.value = json.value("value", nlohmann::json());
  row.of = json.value("of", "");
  row.origin = json.value("origin", "");
  row.fitted = json.value("fitted", nlohmann::json());
  row.traits = json.value("traits", row.traits);
  return row;
}

// A JSON object on one line, member by member. A tree of values would take a writing thread longer than its shards do.
class ObjectLine {
 public:
  explicit ObjectLine(std::string& out) : out_(out) { out_ += '{'; }

  void text(std::string_view name, std::string_view value) {
    begin(name);
    append(value);
  }
  void text_if_any(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number(std::string_view name, std::int64_t value) {
    begin(name);
    out_ += std::to_string(value);
  }
  void json_if_any(std::string_view name, const nlohmann::json& value) {
    if (value.is_null()) return;
    begin(name);
    out_ += dump(value);
  }
  void end() { out_ += "}\n"; }

 private:
  void begin(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_.append("\"").append(name).append("\":");
  }
  void append(std::string_view value) {
    const bool plain = std::all_of(value.begin(), value.end(), [](char character) {
      const auto byte = static_cast<unsigned char>(character);
      return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
    });
    if (!plain) {
      out_ += dump(value);
    } else {
      out_.append("\"").append(value).append("\"");
    }
  }
  // A key or a reason may quote bytes that are not UTF-8.
  static std::string dump(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  std::string& out_;
};

void append_row(std::string& out, const LedgerRow& row) {
  ObjectLine line(out);
  line.text("split", row.split);
  line.number("index", row.index);
  line.text("key", row.key);
  line.text("outcome", enum_name(row.outcome));
  if (!row.shard.empty()) {
    line.text("shard", row.shard);
    line.number("row", row.row);
  }
  line.text_if_any("reason", row.reason);
  line.text_if_any("rule", row.rule);
  line.text_if_any("of", row.of);
  line.text_if_any("origin", row.origin);
  line.json_if_any("value", row.value);
  line.json_if_any("fitted", row.fitted);
  if (!row.traits.empty()) line.json_if_any("traits", row.traits);
  line.end();
}

}  // namespace

std::string format_rows(const std::vector<LedgerRow>& rows) {
  std::string text;
  for (const LedgerRow& row : rows) append_row(text, row);
  return text;
}

std::int64_t extend_ledger(const std::filesystem::path& directory, std::int64_t at, const std::string& text) {
  const std::filesystem::path path = directory / kLedgerName;
  const Descriptor file(path);
  if (file.size() < at) throw IoError(path.string(), "", "is shorter than the manifest says");
  failpoint("prepare.before_ledger");
  file.cut(at);
  file.write_at(at, text);
  failpoint("prepare.before_ledger_sync");
  file.sync();
  failpoint("prepare.after_ledger");
  return at + static_cast<std::int64_t>(text.size());
}

void for_each_row(const std::filesystem::path& directory, std::int64_t bytes,
                  const std::function<void(const LedgerRow&)>& action) {
  if (bytes == 0) return;
  const std::filesystem::path path = directory / kLedgerName;
  std::ifstream lines(path, std::ios::binary);
  std::int64_t at = 0, number = 0;
  for (std::string line; at < bytes && std::getline(lines, line);) {
    at += static_cast<std::int64_t>(line.size()) + (lines.eof() ? 0 : 1);
    ++number;
    LedgerRow row;
    try {
      row = parse_row(line);
    } catch (const std::exception& error) {
      if (lines.eof()) break;  // cut off
      throw InputError(path.string(), "line " + std::to_string(number), error.what());
    }
    action(row);
  }
  if (at != bytes) throw InputError(path.string(), "", "is shorter than the manifest says");
}

std::vector<LedgerRow> read_ledger(const std::filesystem::path& directory, std::int64_t bytes) {
  std::vector<LedgerRow> rows;
  for_each_row(directory, bytes, [&rows](const LedgerRow& row) { rows.push_back(row); });
  return rows;
}

}  // namespace palimpsest
