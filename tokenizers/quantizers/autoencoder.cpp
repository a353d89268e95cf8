#include "tokenizers/quantizers/autoencoder.h"

namespace palimpsest {

at::Tensor fold_grid(const at::Tensor& x_BCHW, std::int64_t rows, std::int64_t columns) {
  const std::int64_t batch = x_BCHW.size(0), channels = x_BCHW.size(1), height = x_BCHW.size(2), width = x_BCHW.size(3);
  TORCH_CHECK(height % rows == 0 && width % columns == 0, "fold_grid: ", height, "x", width, " is not a multiple of ",
              rows, "x", columns);
  return x_BCHW.reshape({batch, channels, height / rows, rows, width / columns, columns})
      .permute({0, 1, 3, 5, 2, 4})
      .reshape({batch, channels * rows * columns, height / rows, width / columns});
}

at::Tensor unfold_grid(const at::Tensor& x_BCHW, std::int64_t rows, std::int64_t columns) {
  const std::int64_t batch = x_BCHW.size(0), channels = x_BCHW.size(1), height = x_BCHW.size(2), width = x_BCHW.size(3);
  TORCH_CHECK(channels % (rows * columns) == 0, "unfold_grid: ", channels, " channels are not a multiple of ",
              rows * columns);
  const std::int64_t kept = channels / (rows * columns);
  return x_BCHW.reshape({batch, kept, rows, columns, height, width})
      .permute({0, 1, 4, 2, 5, 3})
      .reshape({batch, kept, height * rows, width * columns});
}

at::Tensor Convolution::operator()(const at::Tensor& x_BCHW) const {
  const std::vector<std::int64_t> padding{weight.size(2) / 2, weight.size(3) / 2};
  return at::conv2d(x_BCHW, weight, bias, {1, 1}, padding);
}

at::Tensor Normalization::operator()(const at::Tensor& x_BCHW) const {
  return at::group_norm(x_BCHW, 1, weight, bias, 1e-5);
}

// Registers the convolutions of one half under its name.
struct Autoencoder::Builder {
  const AutoencoderShape& shape;
  ParameterSet& parameters;
  RandomKey key;

  Convolution convolution(const std::string& name, std::int64_t from, std::int64_t to, bool spatial,
                          double gain = 1.0) {
    const std::int64_t rows = spatial ? shape.kernel_rows : 1, columns = spatial ? shape.kernel_columns : 1;
    const std::vector<std::int64_t> sizes{to, from, rows, columns};
    const at::Tensor initial = gain == 0 ? at::zeros(sizes) : kaiming_init(key, name, sizes, gain);
    return {parameters.add(name + ".weight", initial), parameters.add(name + ".bias", at::zeros({to}))};
  }

  Normalization normalization(const std::string& name, std::int64_t width) {
    return {parameters.add(name + ".weight", at::ones({width})), parameters.add(name + ".bias", at::zeros({width}))};
  }

  // A block starts as the identity: its last map is zero.
  std::vector<Block> blocks(const std::string& name, const AutoencoderStage& stage, std::int64_t count) {
    std::vector<Block> made;
    for (std::int64_t index = 0; index < count; ++index) {
      const std::string at_index = name + ".blocks." + std::to_string(index);
      made.push_back({normalization(at_index + ".norm", stage.width),
                      convolution(at_index + ".spatial", stage.width, stage.hidden, true, 2.0),
                      convolution(at_index + ".mix", stage.hidden, stage.width, false, 0.0)});
    }
    return made;
  }
};

namespace {

template <class Blocks>
at::Tensor apply_blocks(const Blocks& blocks, at::Tensor x_BCHW) {
  for (const auto& block : blocks) x_BCHW = x_BCHW + block.mix(at::silu(block.spatial(block.norm(x_BCHW))));
  return x_BCHW;
}

}  // namespace

Autoencoder::Autoencoder(AutoencoderShape shape, ParameterSet& parameters, RandomKey key) : shape_(std::move(shape)) {
  TORCH_CHECK(!shape_.stages.empty(), "Autoencoder: at least one stage");
  TORCH_CHECK(shape_.kernel_rows % 2 == 1 && shape_.kernel_columns % 2 == 1, "Autoencoder: kernels must be odd");
  Builder build{shape_, parameters, key};
  const std::size_t last = shape_.stages.size() - 1;
  std::int64_t above = shape_.channels;  // channels of the grid that a stage folds
  for (std::size_t index = 0; index <= last; ++index) {
    const AutoencoderStage& stage = shape_.stages[index];
    const std::int64_t folded = above * stage.fold_rows * stage.fold_columns;
    const bool first = index == 0, deepest = index == last;
    const std::string in = "encoder." + std::to_string(index), out = "decoder." + std::to_string(index);
    Stage down, up;
    down.entry = build.convolution(in + ".entry", folded, stage.width, first);
    down.blocks = build.blocks(in, stage, stage.encoder_blocks);
    if (deepest) {
      down.exit = build.convolution(in + ".exit", stage.width, shape_.code_channels, false);
      up.entry = build.convolution(out + ".entry", shape_.code_channels, stage.width, true);
    }
    up.blocks = build.blocks(out, stage, stage.decoder_blocks);
    up.exit = build.convolution(out + ".exit", stage.width, folded, first);
    encoder_.push_back(std::move(down));
    decoder_.push_back(std::move(up));
    above = stage.width;
  }
}

at::Tensor Autoencoder::encode(const at::Tensor& x_BCHW) const {
  at::Tensor x = x_BCHW;
  for (std::size_t index = 0; index < encoder_.size(); ++index) {
    x = encoder_[index].entry(fold_grid(x, shape_.stages[index].fold_rows, shape_.stages[index].fold_columns));
    x = apply_blocks(encoder_[index].blocks, x);
  }
  return encoder_.back().exit(x);
}

at::Tensor Autoencoder::decode(const at::Tensor& code_BDHW) const {
  at::Tensor x = decoder_.back().entry(code_BDHW);
  for (std::size_t index = decoder_.size(); index-- > 0;) {
    x = decoder_[index].exit(apply_blocks(decoder_[index].blocks, x));
    x = unfold_grid(x, shape_.stages[index].fold_rows, shape_.stages[index].fold_columns);
  }
  return x;
}

}  // namespace palimpsest
