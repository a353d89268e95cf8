#include "datasets/sources/lines_source.h"

#include "base/errors.h"
#include "base/zero_padded.h"
#include "datasets/sources/files_in_a_row.h"
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

// One file, cut into units.
class UnitFile {
 public:
  struct Unit {
    std::string text;
    std::int64_t first_line = 0;
    bool too_long = false;
  };

  UnitFile(const fs::path& path, TextUnit kind, const ArchiveOpener& open)
      : file_(path, open),
        kind_(kind),
        name_(unpacked_name(path).stem().string()),
        member_(is_json_lines(path) ? "json" : "txt") {}

  const std::string& name() const { return name_; }      // without its endings
  const std::string& member() const { return member_; }  // what a unit of it is called

  // The next line, or the lines up to the one that ends them; nullopt at the file's end.
  std::optional<Unit> next() {
    if (!file_.next_line(line_, kLongestLine)) return std::nullopt;
    Unit unit{std::move(line_.text), ++number_, line_.too_long};
    if (kind_ == TextUnit::kLine) return unit;
    if (ends_unit(unit.text)) return Unit{"", number_, false};
    while (file_.next_line(line_, kLongestLine)) {
      ++number_;
      if (ends_unit(line_.text)) break;
      unit.too_long = unit.too_long || line_.too_long || unit.text.size() + line_.text.size() >= kLongestLine;
      if (!unit.too_long) unit.text += "\n" + line_.text;
    }
    return unit;
  }

 private:
  bool ends_unit(const std::string& line) const {
    return kind_ == TextUnit::kFortune ? line == "%" : line.find_first_not_of(" \t") == std::string::npos;
  }

  PackedFile file_;
  TextUnit kind_;
  std::string name_, member_;
  PackedFile::Line line_;
  std::int64_t number_ = 0;  // of lines that were read
};

class LinesReader : public MemberReader {
 public:
  LinesReader(std::vector<fs::path> files, const LinesOptions& options, MemberRequest request)
      : request_(std::move(request)), files_(std::move(files), [this, kind = options.sample](const fs::path& path) {
          return std::make_unique<UnitFile>(path, kind, request_.archives);
        }) {}

  std::optional<Members> next() override {
    return files_.next(request_, [this](UnitFile& file) { return next_of(file); });
  }

 private:
  std::optional<Members> next_of(UnitFile& file) const {
    while (auto unit = file.next()) {
      const std::string key = key_of_line(file.name(), unit->first_line);
      if (unit->text.empty() || !request_.wants_key(key)) continue;
      if (unit->too_long) return Members{.key = key, .error = "has more than 1 MB"};
      return Members{.key = key, .bytes = {{file.member(), std::move(unit->text)}}};
    }
    return std::nullopt;
  }

  MemberRequest request_;
  FilesInARow<UnitFile> files_;
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
