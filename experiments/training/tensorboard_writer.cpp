#include "experiments/training/tensorboard_writer.h"

#include <array>
#include <bit>
#include <chrono>

#include "base/errors.h"
#include "base/zero_padded.h"

namespace palimpsest {

namespace {

constexpr std::string_view kEventPrefix = "events.out.tfevents.";

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}

// ---- protocol buffers: a field is its number and wire type, then a varint, a fixed width or a length and bytes ----

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes.push_back(static_cast<char>((value & 127) | 128));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string tag_of(std::uint32_t field, std::uint32_t wire) { return varint((field << 3) | wire); }
std::string integer_field(std::uint32_t field, std::int64_t value) {
  return tag_of(field, 0) + varint(static_cast<std::uint64_t>(value));
}
std::string double_field(std::uint32_t field, double value) {
  return tag_of(field, 1) + little_endian(std::bit_cast<std::uint64_t>(value));
}
std::string float_field(std::uint32_t field, double value) {
  return tag_of(field, 5) + little_endian(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
}
std::string bytes_field(std::uint32_t field, std::string_view value) {
  return tag_of(field, 2) + varint(value.size()) + std::string(value);
}

std::string plugin_data(std::string_view name, std::string_view content) {
  return bytes_field(1, bytes_field(1, name) + (content.empty() ? "" : bytes_field(2, content)));
}

// google.protobuf.Value: number 2, string 3, bool 4.
struct SettingValue {
  std::string operator()(double value) const { return double_field(2, value); }
  std::string operator()(const std::string& value) const { return bytes_field(3, value); }
  std::string operator()(bool value) const { return integer_field(4, value ? 1 : 0); }
};

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t step_of_name(const std::string& name) {
  const std::string digits = name.substr(kEventPrefix.size(), 10);
  return digits.find_first_not_of("0123456789") == std::string::npos && digits.size() == 10 ? std::stoll(digits) : -1;
}

std::string file_name(std::int64_t step) { return std::string(kEventPrefix) + zero_padded(step, 10) + ".palimpsest"; }

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint8_t>(byte)) & 0xff];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& directory, std::int64_t first_step)
    : path_(directory / file_name(first_step)) {
  std::vector<std::filesystem::path> superseded;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kEventPrefix) && step_of_name(name) >= first_step) superseded.push_back(entry.path());
  }
  for (const auto& path : superseded) std::filesystem::remove(path);
  out_.open(path_, std::ios::binary);
  if (!out_) throw IoError(path_.string(), "", "cannot be written");
  // Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7 {status 1 = START}.
  record(double_field(1, wall_time()) + bytes_field(3, "brain.Event:2"));
  // A reader drops all that has the start's step or a later one: what was said of first_step itself stays.
  record(double_field(1, wall_time()) + integer_field(2, first_step + 1) + bytes_field(7, integer_field(1, 1)));
}

void TensorBoardWriter::record(const std::string& event) {
  const std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  out_ << length << little_endian(masked_crc32c(length)) << event << little_endian(masked_crc32c(event));
}

void TensorBoardWriter::summary(const std::string& value, std::int64_t step) {
  record(double_field(1, wall_time()) + integer_field(2, step) + bytes_field(5, bytes_field(1, value)));
}

// Summary.Value: tag 1, simple_value 2, image 4, audio 6, tensor 8, metadata 9 {plugin_data 1 {plugin_name 1, content
// 2}}.
void TensorBoardWriter::scalar(const std::string& tag, double value, std::int64_t step) {
  summary(bytes_field(1, tag) + float_field(2, value), step);
}

void TensorBoardWriter::text(const std::string& tag, const std::string& markdown, std::int64_t step) {
  constexpr std::int64_t kString = 7;  // TensorProto: dtype 1, tensor_shape 2 {dim 2 {size 1}}, string_val 8
  const std::string shape = bytes_field(2, integer_field(1, 1));
  const std::string tensor = integer_field(1, kString) + bytes_field(2, shape) + bytes_field(8, markdown);
  summary(bytes_field(1, tag) + bytes_field(8, tensor) + bytes_field(9, plugin_data("text", "")), step);
}

// Image: height 1, width 2, colorspace 3 (3 is RGB), encoded 4.
void TensorBoardWriter::image(const std::string& tag, const Png& png, std::int64_t step) {
  const std::string image =
      integer_field(1, png.height) + integer_field(2, png.width) + integer_field(3, 3) + bytes_field(4, png.bytes);
  summary(bytes_field(1, tag) + bytes_field(4, image), step);
}

// Audio: sample_rate 1, num_channels 2, length_frames 3, encoded 4, content_type 5.
void TensorBoardWriter::audio(const std::string& tag, const Wav& wav, std::int64_t step) {
  const std::string audio = float_field(1, static_cast<double>(wav.sample_rate)) + integer_field(2, 1) +
                            integer_field(3, wav.samples) + bytes_field(4, wav.bytes) + bytes_field(5, "audio/wav");
  summary(bytes_field(1, tag) + bytes_field(6, audio), step);
}

// HParamsPluginData {session_start_info 3 {hparams 1 (map of key 1 to Value 2), start_time_secs 5}}; the value itself
// is an empty float tensor, as the plugin's own writer has it.
void TensorBoardWriter::settings(const std::map<std::string, Setting>& settings) {
  std::string start;
  for (const auto& [name, setting] : settings) {
    start += bytes_field(1, bytes_field(1, name) + bytes_field(2, std::visit(SettingValue{}, setting)));
  }
  start += double_field(5, wall_time());
  const std::string nothing = integer_field(1, 1) + bytes_field(2, "");  // TensorProto of type float without shape
  summary(bytes_field(1, "_hparams_/session_start_info") + bytes_field(8, nothing) +
              bytes_field(9, plugin_data("hparams", bytes_field(3, start))),
          0);
}

void TensorBoardWriter::flush() {
  out_.flush();
  if (!out_) throw IoError(path_.string(), "", "cannot be written (disk full?)");
}

}  // namespace palimpsest
