// log.jsonl: one JSON object a line, the figures of a run by step.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace palimpsest {

class RunLog {
 public:
  // Opens `path` to append after `step`: lines of later steps, and a line cut off by a crash, are dropped first.
  RunLog(std::filesystem::path path, std::int64_t step);

  // Appends a line and hands it to the system. IoError when the disk is full.
  void write(const nlohmann::json& line);

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace palimpsest
