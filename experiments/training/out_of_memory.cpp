#include "experiments/training/out_of_memory.h"

#include <c10/util/Exception.h>

#include <new>
#include <regex>

#include "base/machine.h"
#include "base/progress.h"

namespace palimpsest {

namespace {

// The amount in the words of torch's allocators ("you tried to allocate 123 bytes", "Tried to allocate 2.00 GiB"), ""
// in any other message.
std::string amount_wanted(const std::string& message) {
  static const std::regex kPattern("tried to allocate ([0-9.]+) ?(bytes|[KMGT]iB)", std::regex::icase);
  std::smatch match;
  if (!std::regex_search(message, match, kPattern)) return "";
  if (match[2] != "bytes") return match[1].str() + " " + match[2].str();
  return human_count(std::stod(match[1])) + " bytes";
}

[[noreturn]] void advise(const std::string& what, const std::string& amount, const TrainingOptions& options) {
  throw OutOfMemory("out of memory: " + what + " wanted " + amount + " more, and this process has held " +
                    human_count(static_cast<double>(peak_memory_bytes())) +
                    " bytes of main memory; lower training.batch (" + std::to_string(options.batch) +
                    "), raise training.micro_batches (" + std::to_string(options.micro_batches) +
                    "), or lower the net's width and layers; --dry-run tells what a recipe needs");
}

}  // namespace

void with_memory_advice(const std::string& what, const TrainingOptions& options, const std::function<void()>& action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    advise(what, "some bytes", options);
  } catch (const c10::Error& error) {
    const std::string amount = amount_wanted(error.what_without_backtrace());
    if (amount.empty()) throw;
    advise(what, amount, options);
  }
}

}  // namespace palimpsest
