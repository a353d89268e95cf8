#include "base/failpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <system_error>

#include "base/options.h"

namespace palimpsest {

namespace {

constexpr const char* kVariable = "PALIMPSEST_FAILPOINT";
constexpr const char* kLogVariable = "PALIMPSEST_FAILPOINT_LOG";

enum class FailpointAction { kKill, kFull };
constexpr auto enum_names(FailpointAction) {
  return std::array{std::pair{FailpointAction::kKill, "kill"}, std::pair{FailpointAction::kFull, "full"}};
}

struct ArmedFailpoint {
  std::string_view name;
  std::int64_t count = 1;
  FailpointAction action = FailpointAction::kKill;
};

std::string_view cut_field(std::string_view& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view field = text.substr(0, colon);
  text.remove_prefix(std::min(colon + 1, text.size()));
  return field;
}

ArmedFailpoint parse_failpoint(std::string_view text) {
  ArmedFailpoint armed{cut_field(text)};
  if (const std::string count(cut_field(text)); !count.empty()) {
    char* end = nullptr;
    armed.count = std::strtoll(count.c_str(), &end, 10);
    if (*end != '\0' || armed.count < 1) throw InputError("environment", kVariable, "NAME:COUNT[:kill|full] is needed");
  }
  if (!text.empty()) armed.action = parse_enum<FailpointAction>(text, "environment", kVariable);
  return armed;
}

// One write, so that lines of several threads and processes stay whole.
void note_passed(const char* log, const char* name) {
  const std::string line = std::string(name) + "\n";
  const int file = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const bool noted = file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (file >= 0) ::close(file);
  if (!noted) throw IoError(log, kLogVariable, "cannot write");
}

}  // namespace

void failpoint(const char* name, std::string_view file) {
  if (const char* log = std::getenv(kLogVariable); log && *log) note_passed(log, name);
  const char* text = std::getenv(kVariable);
  if (!text || !*text) return;
  const ArmedFailpoint armed = parse_failpoint(text);
  if (armed.name != name) return;
  static std::atomic<std::int64_t> calls{0};
  if (++calls != armed.count) return;
  if (armed.action == FailpointAction::kKill) ::raise(SIGKILL);
  throw IoError(file.empty() ? name : file, "", "cannot write: " + std::generic_category().message(ENOSPC));
}

}  // namespace palimpsest
