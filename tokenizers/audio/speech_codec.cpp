#include "tokenizers/audio/speech_codec.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "base/errors.h"
#include "tokenizers/quantizers/single_thread.h"
#include "tokenizers/quantizers/weights.h"

namespace palimpsest {

namespace {

AutoencoderShape net_shape(const AudioTokenizerOptions& options) {
  AutoencoderShape shape{.channels = options.mel.bands,
                         .code_channels = options.codebooks * static_cast<std::int64_t>(options.levels.size()),
                         .kernel_rows = 1,
                         .kernel_columns = 3,
                         .stages = {}};
  for (std::size_t index = 0; index < options.folds.size(); ++index) {
    shape.stages.push_back({.fold_rows = 1,
                            .fold_columns = options.folds[index],
                            .width = options.widths[index],
                            .hidden = options.hidden[index],
                            .encoder_blocks = options.encoder_blocks[index],
                            .decoder_blocks = options.decoder_blocks[index]});
  }
  return shape;
}

AudioTokenizerOptions checked(AudioTokenizerOptions options) {
  options.validate();
  return options;
}

void check_grids(const AudioTokenizerOptions& options) {
  const std::size_t grids = options.folds.size();
  if (grids < 1 || grids > 8) throw InputError("", "folds", "needs 1 to 8 grids");
  const std::pair<const char*, const std::vector<std::int64_t>*> lists[] = {
      {"folds", &options.folds},
      {"widths", &options.widths},
      {"hidden", &options.hidden},
      {"encoder_blocks", &options.encoder_blocks},
      {"decoder_blocks", &options.decoder_blocks}};
  for (const auto& [name, list] : lists) {
    const std::int64_t lowest = std::string_view(name).ends_with("blocks") ? 0 : 1;
    if (list->size() != grids) throw InputError("", name, "needs as many entries as folds");
    for (const std::int64_t value : *list) {
      if (value < lowest || value > 4096) throw InputError("", name, "must be " + std::to_string(lowest) + " to 4096");
    }
  }
}

}  // namespace

void AudioTokenizerOptions::validate() const {
  check_grids(*this);
  check_levels(levels, "levels");
  if (!(log_deviation > 0)) throw InputError("", "log_deviation", "must be positive");
  if (codebooks < 1 || codebooks > 32) throw InputError("", "codebooks", "must be 1 to 32");
  if (crop < 1 || crop % frames_a_token() != 0)
    throw InputError("", "crop", "must be a multiple of the product of folds");
  if (!(absolute_loss >= 0)) throw InputError("", "absolute_loss", "must not be negative");
}

std::int64_t AudioTokenizerOptions::frames_a_token() const {
  return std::accumulate(folds.begin(), folds.end(), std::int64_t{1}, std::multiplies<>());
}

SpeechCodec::SpeechCodec(AudioTokenizerOptions options, RandomKey key)
    : options_(checked(std::move(options))),
      space_{"audio", {}},
      quantizer_(options_.levels),
      net_(net_shape(options_), parameters_, key.fold("speech-codec")) {
  space_.sub_range_sizes.assign(static_cast<std::size_t>(options_.codebooks), quantizer_.num_codes());
}

Layout SpeechCodec::layout(std::int64_t length) const {
  TORCH_CHECK(length >= 0 && length % options_.codebooks == 0, "speech-codec: ids come in frames of ",
              options_.codebooks, ", got ", length);
  return frame_layout(length / options_.codebooks, options_.codebooks);
}

at::Tensor SpeechCodec::samples_of(const Media& media) const {
  const Audio* audio = std::get_if<Audio>(&media);
  if (!audio) throw InputError("", "", "speech-codec reads audio, got " + std::string(media_kind(media)));
  if (audio->sample_rate != sample_rate()) {
    throw InputError("", "",
                     "speech-codec reads " + std::to_string(sample_rate()) + " samples a second, got " +
                         std::to_string(audio->sample_rate));
  }
  TORCH_CHECK(audio->samples_N.dim() == 1, "speech-codec: expected samples [N], got ", audio->samples_N.sizes());
  return audio->samples_N.to(device_, at::kFloat);
}

at::Tensor SpeechCodec::silence_to(const at::Tensor& samples_N, std::int64_t size) const {
  return at::constant_pad_nd(samples_N, {0, size - samples_N.size(0)});
}

at::Tensor SpeechCodec::spectrogram_BM1T(const at::Tensor& samples_N) const {
  const at::Tensor normal_TM = (log_mel_TM(samples_N, options_.mel) - options_.log_mean) / options_.log_deviation;
  return normal_TM.t().unsqueeze(0).unsqueeze(2);
}

// Clips go one by one, each at its own length: what else is in the batch cannot matter.
std::vector<Codes> SpeechCodec::encode(const std::vector<Media>& batch) const {
  const at::NoGradGuard no_grad;
  const SingleThread single_thread;
  const std::int64_t token = options_.mel.hop * options_.frames_a_token();
  std::vector<Codes> all;
  for (const Media& media : batch) {
    const at::Tensor samples_N = samples_of(media);
    const std::int64_t times = (samples_N.size(0) + token - 1) / token;
    at::Tensor ids_L = at::empty({0}, at::kLong);
    if (times > 0) {
      const at::Tensor z_BD1T = net_.encode(spectrogram_BM1T(silence_to(samples_N, times * token)));
      const at::Tensor ids_QT =
          quantizer_.ids(z_BD1T.view({options_.codebooks, quantizer_.num_channels(), times})).cpu();
      const at::Tensor begin_Q1 = at::arange(options_.codebooks).unsqueeze(1) * quantizer_.num_codes();
      ids_L = (ids_QT + begin_Q1).t().flatten();
    }
    all.push_back({ids_L, layout(ids_L.size(0))});
  }
  return all;
}

at::Tensor SpeechCodec::codes_of_ids(const at::Tensor& ids_L) const {
  check_local_ids(ids_L, space_.size(), "speech-codec");
  layout(ids_L.size(0));
  const at::Tensor begin_Q1 = at::arange(options_.codebooks).unsqueeze(1) * quantizer_.num_codes();
  const at::Tensor ids_QT = ids_L.view({-1, options_.codebooks}).t() - begin_Q1;
  return quantizer_.codes(ids_QT).view({1, -1, 1, ids_QT.size(1)}).to(device_);
}

std::vector<Media> SpeechCodec::decode(const std::vector<Codes>& batch) const {
  const at::NoGradGuard no_grad;
  const SingleThread single_thread;
  std::vector<Media> all;
  for (const Codes& codes : batch) {
    at::Tensor samples_N = at::zeros({0});
    if (codes.ids_L.size(0) > 0) {
      const at::Tensor normal_MT = net_.decode(codes_of_ids(codes.ids_L)).squeeze(2).squeeze(0);
      const at::Tensor log_mel = (normal_MT.t() * options_.log_deviation + options_.log_mean).cpu();
      samples_N = griffin_lim(magnitudes_of_mel_TK(log_mel, options_.mel), options_.mel, options_.griffin_lim);
    }
    all.emplace_back(Audio{samples_N.clamp(-1, 1), sample_rate()});  // full scale is the range of Audio
  }
  return all;
}

LossReport SpeechCodec::loss(const std::vector<Media>& batch, RandomKey key) {
  const std::int64_t size = options_.crop * options_.mel.hop;
  std::vector<at::Tensor> clips;
  for (std::size_t row = 0; row < batch.size(); ++row) {
    const at::Tensor samples_N = samples_of(batch[row]);
    const std::int64_t spare = samples_N.size(0) - size;
    const std::int64_t begin =
        spare > 0 ? static_cast<std::int64_t>(key.below(static_cast<std::uint64_t>(spare + 1), row)) : 0;
    const at::Tensor crop = samples_N.slice(0, begin, std::min(begin + size, samples_N.size(0)));
    clips.push_back(spectrogram_BM1T(silence_to(crop, size)));
  }
  const at::Tensor spectrogram = at::cat(clips);
  const at::Tensor z = net_.encode(spectrogram);
  const at::Tensor by_codebook = z.view({z.size(0) * options_.codebooks, quantizer_.num_channels(), 1, z.size(3)});
  const at::Tensor error = net_.decode(quantizer_.quantize(by_codebook).view(z.sizes())) - spectrogram;
  LossReport report;
  report.loss = error.square().mean() + options_.absolute_loss * error.abs().mean();
  // Root of the mean squared error of log-magnitudes, in dB.
  const double deviation = error.detach().square().mean().sqrt().item<double>() * options_.log_deviation;
  report.figures["mel_error_db"] = deviation * 20 / std::log(10.0);
  return report;
}

void SpeechCodec::save(const std::filesystem::path& directory) const {
  save_tokenizer_files(directory, kind(), to_toml(options_), parameters_);
}

void SpeechCodec::to(const Machine& machine) {
  device_ = machine.device;
  parameters_.to(device_);
}

}  // namespace palimpsest
