// Speech to a few ids a second and back: log-mel frames, a convolutional autoencoder around finite scalar quantization,
// and Griffin-Lim for the waveform.
//
// Shapes: B batch, N samples, T mel frames, M mel bands, Q codebooks.
#pragma once

#include "base/options.h"
#include "tokenizers/audio/griffin_lim.h"
#include "tokenizers/quantizers/autoencoder.h"
#include "tokenizers/quantizers/fsq.h"
#include "tokenizers/trainable.h"

namespace palimpsest {

struct AudioTokenizerOptions {
  MelOptions mel;
  GriffinLimOptions griffin_lim;
  double log_mean = -7.5;  // of log-mel values of speech: what the net sees is (value - mean) / deviation
  double log_deviation = 2.5;
  std::vector<std::int64_t> folds{4, 2};       // frames joined by each grid: 8 frames of 10 ms, 12.5 tokens a second
  std::vector<std::int64_t> widths{192, 256};  // channels of each grid
  std::vector<std::int64_t> hidden{128, 192};  // channels inside a residual block
  std::vector<std::int64_t> encoder_blocks{1, 2};  // residual blocks a grid
  std::vector<std::int64_t> decoder_blocks{1, 2};
  std::int64_t codebooks = 2;                    // ids a token time
  std::vector<std::int64_t> levels{8, 5, 5, 5};  // of each codebook: 1,000 codes
  std::int64_t crop = 128;                       // frames of a clip that a training step sees
  double absolute_loss = 1.0;                    // weight of |error| beside the squared error

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("mel", self.mel, "the spectrogram");
    visitor("griffin_lim", self.griffin_lim, "how phases are found");
    visitor("log_mean", self.log_mean, "mean of log-mel values");
    visitor("log_deviation", self.log_deviation, "their standard deviation");
    visitor("folds", self.folds, "frames joined by each grid, finest first");
    visitor("widths", self.widths, "channels of each grid, finest first");
    visitor("hidden", self.hidden, "channels inside a block of each grid");
    visitor("encoder_blocks", self.encoder_blocks, "residual blocks of each grid of the encoder");
    visitor("decoder_blocks", self.decoder_blocks, "residual blocks of each grid of the decoder");
    visitor("codebooks", self.codebooks, "ids a token time");
    visitor("levels", self.levels, "quantizer levels of each channel of a codebook");
    visitor("crop", self.crop, "frames of a clip that a training step sees");
    visitor("absolute_loss", self.absolute_loss, "weight of the absolute error beside the squared error");
  }
  void validate() const;
  std::int64_t frames_a_token() const;  // the product of folds
};

class SpeechCodec : public TrainableTokenizer {
 public:
  // Untrained, with weights drawn from `key`.
  SpeechCodec(AudioTokenizerOptions options, RandomKey key);

  std::string kind() const override { return "speech-codec"; }
  const CodeSpace& space() const override { return space_; }
  Layout layout(std::int64_t length) const override;

  // A clip of N samples has ceil(N / (hop * frames_a_token)) token times of Q ids; its end is padded with silence.
  // Decoding gives whole token times: hop * frames_a_token samples each.
  std::vector<Codes> encode(const std::vector<Media>& batch) const override;
  std::vector<Media> decode(const std::vector<Codes>& batch) const override;
  void save(const std::filesystem::path& directory) const override;
  void to(const Machine& machine) override;
  std::int64_t sample_rate() const override { return options_.mel.sample_rate; }

  ParameterSet& parameters() override { return parameters_; }
  // One crop a clip, where `key` says; clips shorter than a crop are padded with silence.
  LossReport loss(const std::vector<Media>& batch, RandomKey key) override;

  const AudioTokenizerOptions& options() const { return options_; }

 private:
  at::Tensor samples_of(const Media& media) const;                 // [N]; InputError for another kind or rate
  at::Tensor spectrogram_BM1T(const at::Tensor& samples_N) const;  // normalised, one clip
  at::Tensor silence_to(const at::Tensor& samples_N, std::int64_t size) const;
  at::Tensor codes_of_ids(const at::Tensor& ids_L) const;  // [1,D,1,T]

  AudioTokenizerOptions options_;
  CodeSpace space_;
  FiniteScalarQuantizer quantizer_;
  ParameterSet parameters_;
  Autoencoder net_;
  c10::Device device_{c10::DeviceType::CPU};
};

}  // namespace palimpsest
