#include "base/apart_stream.h"

#include <sys/wait.h>

#include "base/errors.h"

namespace palimpsest {

namespace {

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "by signal " + std::to_string(WTERMSIG(status));
  return "with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

std::string read_exactly(ProgramReader& process, std::size_t count) {
  std::string bytes = process.read(count);
  if (bytes.size() < count)
    throw IoError("", "", "the process that reads it was ended " + how_it_ended(process.finish()));
  return bytes;
}

std::string read_text(ProgramReader& process, std::size_t most) {
  const auto length = read_number<std::uint64_t>(process);
  if (length > most)
    throw IoError("", "", "the process that reads it tells of a text of " + std::to_string(length) + " bytes");
  return read_exactly(process, length);
}

}  // namespace palimpsest
