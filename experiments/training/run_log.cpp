#include "experiments/training/run_log.h"

#include <sstream>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

// Does a line belong to the first `step` steps? A torn line is no JSON and belongs to none.
bool belongs(const std::string& line, std::int64_t step) {
  const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  return parsed.is_object() && parsed.value("step", std::int64_t{0}) <= step;
}

}  // namespace

RunLog::RunLog(std::filesystem::path path, std::int64_t step) : path_(std::move(path)) {
  std::string kept;
  if (std::filesystem::exists(path_)) {
    std::istringstream lines(read_file(path_));
    for (std::string line; std::getline(lines, line);) {
      if (belongs(line, step)) kept += line + "\n";
    }
  }
  write_file_atomically(path_, kept);
  out_.open(path_, std::ios::app | std::ios::binary);
}

void RunLog::write(const nlohmann::json& line) {
  out_ << line.dump() << "\n";
  out_.flush();
  if (!out_) throw IoError(path_.string(), "", "cannot be written (disk full?)");
}

}  // namespace palimpsest
