// ByteReader: numbers out of the headers of media files, never past their end.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/errors.h"

namespace palimpsest {

class ByteReader {
 public:
  // `name` is what errors call the bytes; both must outlive the reader.
  ByteReader(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  std::size_t position() const { return position_; }
  bool at_end() const { return position_ == bytes_.size(); }
  std::string_view rest() const { return bytes_.substr(position_); }

  // InputError "is truncated" when fewer than `count` bytes are left.
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - position_) throw InputError(name_, "", "is truncated");
    position_ += count;
    return bytes_.substr(position_ - count, count);
  }
  void skip(std::size_t count) { take(count); }

  std::uint32_t little(std::size_t count) {
    const std::string_view taken = take(count);
    std::uint32_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(taken[i]);
    return value;
  }
  std::uint32_t big(std::size_t count) {
    std::uint32_t value = 0;
    for (const char byte : take(count)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }

 private:
  std::string_view bytes_, name_;
  std::size_t position_ = 0;
};

}  // namespace palimpsest
