#include "datasets/sources/lines_source.h"

#include <fstream>
#include <iomanip>
#include <sstream>

#include "base/errors.h"
#include "datasets/sources/identity.h"

namespace palimpsest {

namespace {

std::string key_of_line(const std::filesystem::path& path, std::int64_t number) {
  std::ostringstream key;
  key << path.stem().string() << ':' << std::setw(6) << std::setfill('0') << number;
  return key.str();
}

class LinesSource : public Source {
 public:
  LinesSource(const std::filesystem::path& path, MemberRequest request)
      : path_(path), lines_(path, std::ios::binary), request_(std::move(request)) {
    if (!lines_) throw InputError(path.string(), "", "cannot be read");
  }

  std::optional<ReadResult> next() override {
    for (std::string line; std::getline(lines_, line);) {
      ++number_;
      if (line.ends_with('\r')) line.pop_back();
      const std::string key = key_of_line(path_, number_);
      if (!line.empty() && request_.wants_key(key)) return make_sample(members_of(key, line), request_);
    }
    if (lines_.bad()) throw IoError(path_.string(), "", "reading failed");
    return std::nullopt;
  }

 private:
  Members members_of(const std::string& key, const std::string& line) const {
    Members members{key, {}, nlohmann::json::object(), ""};
    if (line.size() > kLongestLine) {
      members.error = "has more than 1 MB";
    } else if (path_.extension() == ".txt") {
      members.bytes["txt"] = line;
    } else {
      members.bytes["json"] = line;
    }
    return members;
  }

  std::filesystem::path path_;
  std::ifstream lines_;
  MemberRequest request_;
  std::int64_t number_ = 0;
};

}  // namespace

bool is_lines_file(const std::filesystem::path& path) {
  return path.extension() == ".txt" || path.extension() == ".jsonl";
}

std::unique_ptr<Source> lines_source(const std::filesystem::path& path, MemberRequest request) {
  return std::make_unique<LinesSource>(path, std::move(request));
}

SourceForm lines_form() {
  return {
      "lines",
      "a text whose lines are samples: plain (.txt), or a JSON object each (.jsonl)",
      "",
      is_lines_file,
      [](const DataOptions& data) { return identity_of_file(find_data(data.source, "data.source")); },
      [](const DataOptions& data, MemberRequest request) {
        return lines_source(find_data(data.source, "data.source"), std::move(request));
      },
  };
}

}  // namespace palimpsest
