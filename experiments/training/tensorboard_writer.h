// TensorBoard event files: TFRecords of Event messages, encoded by hand (a dozen fields of protocol buffers).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace palimpsest {

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), and TFRecord's masked form of it: rotated right by 15 plus
// 0xa282ead8.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

class TensorBoardWriter {
 public:
  // Writes events of `directory` from `first_step` on. Files that began at a later or the same step are removed, and
  // readers are told to drop what earlier files say about later steps (a session start): a resumed run shows one curve.
  TensorBoardWriter(const std::filesystem::path& directory, std::int64_t first_step);

  void scalar(const std::string& tag, double value, std::int64_t step);
  void text(const std::string& tag, const std::string& markdown, std::int64_t step);
  struct Png {
    std::string bytes;
    std::int64_t height = 0, width = 0;
  };
  void image(const std::string& tag, const Png& png, std::int64_t step);
  struct Wav {
    std::string bytes;
    std::int64_t sample_rate = 0, samples = 0;  // mono
  };
  void audio(const std::string& tag, const Wav& wav, std::int64_t step);
  // What the run was begun with, for the HPARAMS page: numbers, texts and switches by name.
  using Setting = std::variant<double, std::string, bool>;
  void settings(const std::map<std::string, Setting>& settings);
  void flush();

 private:
  void summary(const std::string& value, std::int64_t step);
  void record(const std::string& event);

  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace palimpsest
