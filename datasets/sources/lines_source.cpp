#include "datasets/sources/lines_source.h"

#include "base/errors.h"
#include "base/zero_padded.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/packed_file.h"
#include "datasets/sources/source_files.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// The name without the ending that says how it is packed.
fs::path unpacked_name(const fs::path& path) {
  for (const char* packing : {".gz", ".zst", ".xz", ".bz2"}) {
    if (path.extension() == packing) return path.filename().stem();
  }
  return path.filename();
}

bool is_json_lines(const fs::path& path) {
  const std::string ending = unpacked_name(path).extension().string();
  return ending == ".jsonl" || ending == ".ndjson";
}

// "FILE:000017".
std::string key_of_line(const std::string& file, std::int64_t number) { return file + ":" + zero_padded(number, 6); }

class LinesReader : public MemberReader {
 public:
  LinesReader(std::vector<fs::path> files, const LinesOptions& options, MemberRequest request)
      : files_(std::move(files)), options_(options), request_(std::move(request)) {
    open_next();
  }

  std::optional<Members> next() override {
    while (file_) {
      while (auto unit = next_unit()) {
        const std::string key = key_of_line(name_, unit->first_line);
        if (!unit->text.empty() && request_.wants_key(key)) return members_of(key, *unit);
      }
      open_next();
    }
    return std::nullopt;
  }

 private:
  struct Unit {
    std::string text;
    std::int64_t first_line = 0;
    bool too_long = false;
  };

  void open_next() {
    file_.reset();
    number_ = 0;
    if (next_file_ == files_.size()) return;
    const fs::path& path = files_[next_file_++];
    file_ = std::make_unique<PackedFile>(path);
    name_ = unpacked_name(path).stem().string();
    member_ = is_json_lines(path) ? "json" : "txt";
  }

  bool ends_unit(const std::string& line) const {
    return options_.sample == TextUnit::kFortune ? line == "%" : line.find_first_not_of(" \t") == std::string::npos;
  }

  // The next line, or the lines up to the one that ends them; nullopt at the file's end.
  std::optional<Unit> next_unit() {
    if (!file_->next_line(line_, kLongestLine)) return std::nullopt;
    Unit unit{std::move(line_.text), ++number_, line_.too_long};
    if (options_.sample == TextUnit::kLine) return unit;
    if (ends_unit(unit.text)) return Unit{"", number_, false};
    while (file_->next_line(line_, kLongestLine)) {
      ++number_;
      if (ends_unit(line_.text)) break;
      unit.too_long = unit.too_long || line_.too_long || unit.text.size() + line_.text.size() >= kLongestLine;
      if (!unit.too_long) unit.text += "\n" + line_.text;
    }
    return unit;
  }

  Members members_of(const std::string& key, Unit& unit) const {
    if (unit.too_long) return {.key = key, .error = "has more than 1 MB"};
    return {.key = key, .bytes = {{member_, std::move(unit.text)}}};
  }

  std::vector<fs::path> files_;
  LinesOptions options_;
  MemberRequest request_;
  std::size_t next_file_ = 0;
  std::unique_ptr<PackedFile> file_;  // null after the last
  std::string name_, member_;         // without its endings; what a line of it is called
  PackedFile::Line line_;
  std::int64_t number_ = 0;
};

}  // namespace

bool is_lines_file(const fs::path& path) { return is_json_lines(path) || unpacked_name(path).extension() == ".txt"; }

std::unique_ptr<Source> lines_source(std::vector<fs::path> files, const LinesOptions& options, MemberRequest request) {
  return member_source(std::make_unique<LinesReader>(std::move(files), options, request), request);
}

SourceForm lines_form() {
  return {
      "lines",
      "texts, plain or packed, whose lines are samples: plain (.txt), or a JSON object each (.jsonl)",
      "lines",
      is_lines_file,
      [](const DataOptions& data) { return identity_of_files(find_data_files(data.source, "data.source")); },
      [](const DataOptions& data, MemberRequest request) {
        return lines_source(find_data_files(data.source, "data.source"), data.lines, std::move(request));
      },
  };
}

}  // namespace palimpsest
