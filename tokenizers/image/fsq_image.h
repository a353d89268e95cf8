// Pictures to a grid of ids and back: a convolutional autoencoder around finite scalar quantization.
//
// Shapes: B batch, H rows, W columns, C colour channels (3).
#pragma once

#include "base/options.h"
#include "tokenizers/quantizers/autoencoder.h"
#include "tokenizers/quantizers/fsq.h"
#include "tokenizers/trainable.h"

namespace palimpsest {

struct ImageTokenizerOptions {
  std::int64_t size = 64;                          // pixels, rows and columns of the pictures it is made for
  std::int64_t downsample = 8;                     // pixels a token, rows and columns: 64 tokens at 64x64
  std::vector<std::int64_t> levels{8, 8, 8, 5};    // 2,560 codes
  std::vector<std::int64_t> widths{64, 160};       // channels, largest grid first; each next grid is half as wide
  std::vector<std::int64_t> hidden{64, 160};       // channels inside a residual block
  std::vector<std::int64_t> encoder_blocks{1, 2};  // residual blocks a grid
  std::vector<std::int64_t> decoder_blocks{1, 2};
  double absolute_loss = 0.1;  // weight of |error| beside the squared error: sharper edges

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("size", self.size, "rows and columns of a picture, pixels");
    visitor("downsample", self.downsample, "pixels a token, in rows and in columns");
    visitor("levels", self.levels, "quantizer levels of each code channel");
    visitor("widths", self.widths, "channels of each grid, largest grid first");
    visitor("hidden", self.hidden, "channels inside a block of each grid");
    visitor("encoder_blocks", self.encoder_blocks, "residual blocks of each grid of the encoder");
    visitor("decoder_blocks", self.decoder_blocks, "residual blocks of each grid of the decoder");
    visitor("absolute_loss", self.absolute_loss, "weight of the absolute error beside the squared error");
  }
  void validate() const;
  std::int64_t grid() const { return size / downsample; }  // tokens a row
};

// Square pictures of other sizes, multiples of `downsample`, are read too: the net has convolutions only, and the grid
// is as much larger or smaller. The number of ids tells the size.
class FsqImageTokenizer : public TrainableTokenizer {
 public:
  // Untrained, with weights drawn from `key`.
  FsqImageTokenizer(ImageTokenizerOptions options, RandomKey key);

  std::string kind() const override { return "fsq-image"; }
  const CodeSpace& space() const override { return space_; }
  Layout layout(std::int64_t length) const override;
  std::vector<Codes> encode(const std::vector<Media>& batch) const override;
  std::vector<Media> decode(const std::vector<Codes>& batch) const override;
  void save(const std::filesystem::path& directory) const override;
  void to(const Machine& machine) override;
  std::int64_t picture_size() const override { return options_.size; }

  ParameterSet& parameters() override { return parameters_; }
  LossReport loss(const std::vector<Media>& batch, RandomKey key) override;

  const ImageTokenizerOptions& options() const { return options_; }

 private:
  // Pictures as float [B,3,size,size] in [-1,1] on the net's device. InputError for media of another kind or size.
  at::Tensor stack(std::span<const Media> batch) const;

  ImageTokenizerOptions options_;
  CodeSpace space_;
  FiniteScalarQuantizer quantizer_;
  ParameterSet parameters_;
  Autoencoder net_;
  c10::Device device_{c10::DeviceType::CPU};
};

}  // namespace palimpsest
