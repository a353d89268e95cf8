#include "modalities/media/audio.h"

#include <cmath>

#include "base/errors.h"
#include "base/files.h"
#include "modalities/media/audio_header.h"
#include "modalities/media/byte_reader.h"

namespace palimpsest {

namespace {

void append_little(std::string& bytes, std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

// RIFF/WAVE header of 16-bit mono PCM.
std::string wav_header(std::int64_t num_samples, std::int64_t sample_rate) {
  constexpr int kBytesASample = 2;
  const auto data_size = static_cast<std::uint64_t>(num_samples * kBytesASample);
  std::string header = "RIFF";
  append_little(header, 36 + data_size, 4);
  header += "WAVEfmt ";
  append_little(header, 16, 4);
  append_little(header, 1, 2);  // PCM
  append_little(header, 1, 2);  // channels
  append_little(header, static_cast<std::uint64_t>(sample_rate), 4);
  append_little(header, static_cast<std::uint64_t>(sample_rate * kBytesASample), 4);
  append_little(header, kBytesASample, 2);
  append_little(header, 16, 2);
  header += "data";
  append_little(header, data_size, 4);
  return header;
}

}  // namespace

bool is_wav(std::string_view bytes) {
  return bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WAVE";
}

void check_wav_is_whole(std::string_view bytes, std::string_view name) {
  constexpr std::uint32_t kUnknownSize = 0xFFFFFFFFu;  // a stream whose length was not known when it began
  ByteReader reader(bytes, name);
  reader.skip(12);
  for (;;) {
    const std::string_view kind = reader.take(4);
    const std::uint32_t size = reader.little(4);
    if (size == kUnknownSize) return;
    reader.skip(size);
    if (kind == "data") return;
    if (size % 2 == 1) reader.skip(1);
  }
}

std::string encode_wav(const Audio& audio) {
  TORCH_CHECK(audio.samples_N.dim() == 1 && audio.sample_rate > 0, "encode_wav: one channel and a sample rate, got ",
              audio.samples_N.sizes(), " at ", audio.sample_rate, " Hz");
  constexpr double kFullScale = 32768;
  const at::Tensor samples_N = audio.samples_N.to(at::kCPU, at::kFloat).contiguous();
  const float* samples = samples_N.const_data_ptr<float>();
  std::string bytes = wav_header(samples_N.size(0), audio.sample_rate);
  bytes.reserve(bytes.size() + 2 * static_cast<std::size_t>(samples_N.size(0)));
  for (std::int64_t i = 0; i < samples_N.size(0); ++i) {
    TORCH_CHECK(std::isfinite(samples[i]), "encode_wav: sample ", i, " is not finite");
    const double scaled = std::clamp(std::nearbyint(samples[i] * kFullScale), -kFullScale, kFullScale - 1);
    append_little(bytes, static_cast<std::uint64_t>(static_cast<std::int64_t>(scaled)), 2);
  }
  return bytes;
}

Audio load_audio(const std::filesystem::path& path, std::int64_t sample_rate, const AudioLimits& limits) {
  return decode_audio(read_file(path), sample_rate, path.string(), limits);
}

void save_wav(const Audio& audio, const std::filesystem::path& path) { write_file_atomically(path, encode_wav(audio)); }

}  // namespace palimpsest
