// Autoencoder: the convolutional net around a quantizer, one for pictures and for sounds (a sound has a single row).
//
// It folds space into channels (space to depth) before it computes, so that most work is done where the grid is small.
// Shapes: B batch, C channels, H rows, W columns, D channels of a code.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/parameters.h"

namespace palimpsest {

// One resolution of the net: how the grid above it is folded, and the residual blocks that work there.
struct AutoencoderStage {
  std::int64_t fold_rows = 1, fold_columns = 1;
  std::int64_t width = 64, hidden = 64;  // channels of the stream, and inside a block
  std::int64_t encoder_blocks = 1, decoder_blocks = 1;
};

struct AutoencoderShape {
  std::int64_t channels = 3;  // of the input
  std::int64_t code_channels = 4;
  std::int64_t kernel_rows = 3, kernel_columns = 3;
  std::vector<AutoencoderStage> stages;
};

// A convolution with bias that keeps the grid's size. Kernels are odd.
struct Convolution {
  at::Tensor weight, bias;

  at::Tensor operator()(const at::Tensor& x_BCHW) const;
};

// Each item scaled to mean 0 and deviation 1 over its channels and grid (group normalisation with one group, arXiv
// 1803.08494): without it the first minutes of training go to finding a scale.
struct Normalization {
  at::Tensor weight, bias;

  at::Tensor operator()(const at::Tensor& x_BCHW) const;
};

class Autoencoder {
 public:
  // Registers its weights as "encoder..." and "decoder..." in `parameters`, which must outlive it.
  Autoencoder(AutoencoderShape shape, ParameterSet& parameters, RandomKey key);

  // [B,C,H,W] -> [B,D,H/rows,W/columns] and back. H and W must be multiples of all folds together.
  at::Tensor encode(const at::Tensor& x_BCHW) const;
  at::Tensor decode(const at::Tensor& code_BDHW) const;

 private:
  struct Block {
    Normalization norm;
    Convolution spatial, mix;
  };
  struct Stage {
    Convolution entry, exit;  // into the stage's width, and out of it
    std::vector<Block> blocks;
  };
  struct Builder;

  AutoencoderShape shape_;
  std::vector<Stage> encoder_, decoder_;  // both from the largest grid to the smallest
};

// Space to depth and back: [B,C,H,W] <-> [B,C*rows*columns,H/rows,W/columns].
at::Tensor fold_grid(const at::Tensor& x_BCHW, std::int64_t rows, std::int64_t columns);
at::Tensor unfold_grid(const at::Tensor& x_BCHW, std::int64_t rows, std::int64_t columns);

}  // namespace palimpsest
