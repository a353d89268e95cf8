#include "experiments/training/tensorboard_writer.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "base/files.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

// One field of a message: varints and fixed widths in `number`, length-delimited ones in `bytes`.
struct Field {
  std::uint32_t id = 0, wire = 0;
  std::uint64_t number = 0;
  std::string bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  std::string take(std::size_t count) {
    EXPECT_LE(count, bytes_.size());
    const std::string taken(bytes_.substr(0, count));
    bytes_.remove_prefix(count);
    return taken;
  }
  template <class T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = fixed<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

 private:
  std::string_view bytes_;
};

std::vector<Field> fields_of(std::string_view message) {
  Reader reader(message);
  std::vector<Field> fields;
  while (!reader.done()) {
    const std::uint64_t tag = reader.varint();
    Field field{static_cast<std::uint32_t>(tag >> 3), static_cast<std::uint32_t>(tag & 7), 0, ""};
    if (field.wire == 0) field.number = reader.varint();
    if (field.wire == 1) field.number = reader.fixed<std::uint64_t>();
    if (field.wire == 5) field.number = reader.fixed<std::uint32_t>();
    if (field.wire == 2) field.bytes = reader.take(reader.varint());
    fields.push_back(field);
  }
  return fields;
}

std::optional<Field> find(const std::vector<Field>& fields, std::uint32_t id) {
  for (const Field& field : fields) {
    if (field.id == id) return field;
  }
  return std::nullopt;
}

// Events of a file, every checksum checked.
std::vector<std::vector<Field>> events_of(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  Reader reader(bytes);
  std::vector<std::vector<Field>> events;
  while (!reader.done()) {
    const std::string length_bytes = reader.take(8);
    EXPECT_EQ(reader.fixed<std::uint32_t>(), masked_crc32c(length_bytes));
    std::uint64_t length;
    std::memcpy(&length, length_bytes.data(), 8);
    const std::string event = reader.take(length);
    EXPECT_EQ(reader.fixed<std::uint32_t>(), masked_crc32c(event));
    events.push_back(fields_of(event));
  }
  return events;
}

TEST(Crc32c, KnownAnswers) {  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(TensorBoardWriter, WritesScalarsThatReadBack) {
  const ScratchFolder scratch;
  TensorBoardWriter writer(scratch.path(), 0);
  writer.scalar("train/loss", 1.25, 300);
  writer.flush();
  const auto events = events_of(scratch.path() / "events.out.tfevents.0000000000.palimpsest");
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(find(events[0], 3)->bytes, "brain.Event:2");
  EXPECT_EQ(find(fields_of(find(events[1], 7)->bytes), 1)->number, 1u);
  EXPECT_EQ(find(events[2], 2)->number, 300u);
  const auto value = fields_of(find(fields_of(find(events[2], 5)->bytes), 1)->bytes);
  EXPECT_EQ(find(value, 1)->bytes, "train/loss");
  EXPECT_EQ(std::bit_cast<float>(static_cast<std::uint32_t>(find(value, 2)->number)), 1.25f);
}

TEST(TensorBoardWriter, WritesTextPicturesAndSound) {
  const ScratchFolder scratch;
  TensorBoardWriter writer(scratch.path(), 0);
  writer.text("recipe", std::string(300, 'x'), 1);
  writer.image("picture", {"PNG bytes", 3, 4}, 2);
  writer.audio("speech", {"WAV bytes", 16'000, 8}, 3);
  writer.flush();
  const auto events = events_of(scratch.path() / "events.out.tfevents.0000000000.palimpsest");
  ASSERT_EQ(events.size(), 5u);
  const auto value_of = [&](std::size_t event) {
    return fields_of(find(fields_of(find(events[event], 5)->bytes), 1)->bytes);
  };
  EXPECT_EQ(find(fields_of(find(value_of(2), 8)->bytes), 8)->bytes, std::string(300, 'x'));
  EXPECT_EQ(find(fields_of(find(value_of(3), 4)->bytes), 4)->bytes, "PNG bytes");
  EXPECT_EQ(find(fields_of(find(value_of(4), 6)->bytes), 4)->bytes, "WAV bytes");
}

TEST(TensorBoardWriter, AResumedRunSupersedesLaterFilesOnly) {
  const ScratchFolder scratch;
  for (const std::int64_t step : {0, 40, 80}) TensorBoardWriter(scratch.path(), step).flush();
  TensorBoardWriter(scratch.path(), 40).flush();
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "events.out.tfevents.0000000000.palimpsest"));
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "events.out.tfevents.0000000040.palimpsest"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "events.out.tfevents.0000000080.palimpsest"));
}

}  // namespace
}  // namespace palimpsest
