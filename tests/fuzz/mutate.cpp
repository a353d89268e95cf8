#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <array>

namespace palimpsest {

namespace {

// Draws of one key, one after another.
class Draws {
 public:
  explicit Draws(RandomKey key) : key_(key) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(key_.below(bound, next_++)); }

 private:
  RandomKey key_;
  std::uint64_t next_ = 0;
};

using Change = void (*)(std::string& bytes, const std::string& other, Draws& draws);

void flip_bit(std::string& bytes, const std::string&, Draws& draws) {
  if (bytes.empty()) return;
  char& byte = bytes[draws.below(bytes.size())];
  byte = static_cast<char>(byte ^ (1 << draws.below(8)));
}

void set_byte(std::string& bytes, const std::string&, Draws& draws) {
  static constexpr std::string_view kTelling("\x00\x01\x7F\x80\xFF\xFE\"\\{}[],:-.0129e\n\r\t /<'", 30);
  if (!bytes.empty()) bytes[draws.below(bytes.size())] = kTelling[draws.below(kTelling.size())];
}

// Four bytes that lengths and offsets are made of.
void set_number(std::string& bytes, const std::string&, Draws& draws) {
  static constexpr std::array<std::uint32_t, 7> kNumbers{0, 1, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0};
  if (bytes.size() < 4) return;
  const std::uint32_t number = kNumbers[draws.below(kNumbers.size())];
  std::copy_n(reinterpret_cast<const char*>(&number), 4,
              bytes.begin() + static_cast<std::ptrdiff_t>(draws.below(bytes.size() - 3)));
}

void cut(std::string& bytes, const std::string&, Draws& draws) {
  if (bytes.empty()) return;
  const std::size_t begin = draws.below(bytes.size());
  bytes.erase(begin, 1 + draws.below(std::min<std::size_t>(64, bytes.size() - begin)));
}

void end_early(std::string& bytes, const std::string&, Draws& draws) { bytes.resize(draws.below(bytes.size() + 1)); }

void repeat(std::string& bytes, const std::string&, Draws& draws) {
  if (bytes.empty()) return;
  const std::size_t begin = draws.below(bytes.size());
  const std::string piece = bytes.substr(begin, 1 + draws.below(64));
  for (std::size_t times = 1 + draws.below(20); times > 0; --times) bytes.insert(begin, piece);
}

void splice(std::string& bytes, const std::string& other, Draws& draws) {
  if (other.empty()) return;
  const std::size_t begin = draws.below(other.size());
  bytes.insert(draws.below(bytes.size() + 1), other.substr(begin, 1 + draws.below(other.size() - begin)));
}

constexpr std::array<Change, 9> kChanges{flip_bit, flip_bit,  set_byte, set_byte, set_number,
                                         cut,      end_early, repeat,   splice};

}  // namespace

std::string mutated(const std::vector<std::string>& corpus, RandomKey key) {
  Draws draws(key);
  if (corpus.empty()) return "";
  std::string bytes = corpus[draws.below(corpus.size())];
  const std::string& other = corpus[draws.below(corpus.size())];
  for (std::size_t changes = 1 + draws.below(8); changes > 0; --changes) {
    kChanges[draws.below(kChanges.size())](bytes, other, draws);
  }
  if (bytes.size() > kLongestFuzzed) bytes.resize(kLongestFuzzed);
  return bytes;
}

}  // namespace palimpsest
