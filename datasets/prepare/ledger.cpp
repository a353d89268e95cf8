#include "datasets/prepare/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <system_error>

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
  const auto json = nlohmann::json::parse(line);
  LedgerRow row{json.at("split"),         json.at("index"),
                json.at("key"),           {},
                json.value("reason", ""), json.value("fitted", nlohmann::json())};
  row.outcome = parse_enum<Outcome>(json.at("outcome").get<std::string>(), "", "outcome");
  return row;
}

}  // namespace

std::string format_rows(const std::vector<LedgerRow>& rows) {
  std::string text;
  for (const LedgerRow& row : rows) {
    nlohmann::ordered_json json = {
        {"split", row.split}, {"index", row.index}, {"key", row.key}, {"outcome", enum_name(row.outcome)}};
    if (!row.reason.empty()) json["reason"] = row.reason;
    if (!row.fitted.is_null()) json["fitted"] = row.fitted;
    // A key or a reason may quote bytes that are not UTF-8.
    text += json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
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

std::vector<LedgerRow> read_ledger(const std::filesystem::path& directory, std::int64_t bytes) {
  if (bytes == 0) return {};
  const std::filesystem::path path = directory / kLedgerName;
  const std::string text = read_file(path);
  if (static_cast<std::int64_t>(text.size()) < bytes)
    throw InputError(path.string(), "", "is shorter than the manifest says");
  std::istringstream lines(text.substr(0, static_cast<std::size_t>(bytes)));
  std::vector<LedgerRow> rows;
  for (std::string line; std::getline(lines, line);) {
    try {
      rows.push_back(parse_row(line));
    } catch (const std::exception& error) {
      throw InputError(path.string(), "line " + std::to_string(rows.size() + 1), error.what());
    }
  }
  return rows;
}

}  // namespace palimpsest
