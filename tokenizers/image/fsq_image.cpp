#include "tokenizers/image/fsq_image.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/errors.h"
#include "tokenizers/quantizers/single_thread.h"
#include "tokenizers/quantizers/weights.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kRows = 8;  // pictures a pass, always: the same arithmetic alone and in a batch
constexpr std::int64_t kColours = 3;

AutoencoderShape net_shape(const ImageTokenizerOptions& options) {
  const std::size_t grids = options.widths.size();
  AutoencoderShape shape{.channels = kColours,
                         .code_channels = static_cast<std::int64_t>(options.levels.size()),
                         .kernel_rows = 3,
                         .kernel_columns = 3,
                         .stages = {}};
  for (std::size_t index = 0; index < grids; ++index) {
    const std::int64_t fold = index == 0 ? options.downsample >> (grids - 1) : 2;
    shape.stages.push_back({.fold_rows = fold,
                            .fold_columns = fold,
                            .width = options.widths[index],
                            .hidden = options.hidden[index],
                            .encoder_blocks = options.encoder_blocks[index],
                            .decoder_blocks = options.decoder_blocks[index]});
  }
  return shape;
}

ImageTokenizerOptions checked(ImageTokenizerOptions options) {
  options.validate();
  return options;
}

std::int64_t side_of(const Media& media) {
  const Image* image = std::get_if<Image>(&media);
  if (!image) throw InputError("", "", "fsq-image reads images, got " + std::string(media_kind(media)));
  return image->pixels_HWC.size(0);
}

// Passes of `count` pictures by number, begin and end: as many as always, cut where the next one is of another size.
template <class SizeOf>
std::vector<std::pair<std::size_t, std::size_t>> passes_of_one_size(std::size_t count, const SizeOf& size_of) {
  std::vector<std::pair<std::size_t, std::size_t>> passes;
  for (const auto& [begin, end] : fixed_batches(count, kRows)) {
    for (std::size_t row = begin; row < end; ++row) {
      if (row > begin && size_of(row) == size_of(row - 1))
        ++passes.back().second;
      else
        passes.emplace_back(row, row + 1);
    }
  }
  return passes;
}

}  // namespace

void ImageTokenizerOptions::validate() const {
  const std::size_t grids = widths.size();
  if (size < 1 || size > 4096) throw InputError("", "size", "must be 1 to 4096 pixels");
  if (grids < 1 || grids > 8) throw InputError("", "widths", "needs 1 to 8 grids");
  if (hidden.size() != grids) throw InputError("", "hidden", "needs as many entries as widths");
  if (encoder_blocks.size() != grids) throw InputError("", "encoder_blocks", "needs as many entries as widths");
  if (decoder_blocks.size() != grids) throw InputError("", "decoder_blocks", "needs as many entries as widths");
  if (downsample < 1 || size % downsample != 0) throw InputError("", "downsample", "must divide size");
  if (downsample % (std::int64_t{1} << (grids - 1)) != 0) {
    throw InputError("", "downsample", "must be a multiple of 2 for each grid after the first");
  }
  for (const auto* list : {&widths, &hidden}) {
    for (const std::int64_t channels : *list) {
      if (channels < 1) throw InputError("", list == &widths ? "widths" : "hidden", "must be positive");
    }
  }
  for (const auto* list : {&encoder_blocks, &decoder_blocks}) {
    for (const std::int64_t count : *list) {
      if (count < 0)
        throw InputError("", list == &encoder_blocks ? "encoder_blocks" : "decoder_blocks", "must not be negative");
    }
  }
  if (!(absolute_loss >= 0)) throw InputError("", "absolute_loss", "must not be negative");
  check_levels(levels, "levels");
}

FsqImageTokenizer::FsqImageTokenizer(ImageTokenizerOptions options, RandomKey key)
    : options_(checked(std::move(options))),
      space_{"image", {}},
      quantizer_(options_.levels),
      net_(net_shape(options_), parameters_, key.fold("image-tokenizer")) {
  space_.sub_range_sizes = {quantizer_.num_codes()};
}

Layout FsqImageTokenizer::layout(std::int64_t length) const {
  const auto grid = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(length))));
  TORCH_CHECK(length > 0 && length == grid * grid, "fsq-image: a picture has a square number of ids, such as the ",
              options_.grid() * options_.grid(), " of its own size, got ", length);
  return grid_layout(grid, grid);
}

at::Tensor FsqImageTokenizer::stack(std::span<const Media> batch) const {
  std::vector<at::Tensor> pictures;
  const std::int64_t side = std::max(side_of(batch.front()), options_.downsample);
  for (const Media& media : batch) {
    side_of(media);
    const at::Tensor& pixels_HWC = std::get<Image>(media).pixels_HWC;
    if (pixels_HWC.sizes() != at::IntArrayRef({side, side, kColours}) || side % options_.downsample != 0) {
      std::ostringstream rule;
      rule << "fsq-image reads square pictures whose sides are multiples of " << options_.downsample << ", such as "
           << options_.size << "x" << options_.size << ", got " << pixels_HWC.sizes();
      throw InputError("", "", rule.str());
    }
    pictures.push_back(pixels_HWC.permute({2, 0, 1}));
  }
  return at::stack(pictures).to(device_, at::kFloat) / 127.5 - 1;
}

std::vector<Codes> FsqImageTokenizer::encode(const std::vector<Media>& batch) const {
  const at::NoGradGuard no_grad;
  const SingleThread single_thread;
  std::vector<Codes> all;
  for (const auto& [begin, end] : passes_of_one_size(batch.size(), [&](auto row) { return side_of(batch[row]); })) {
    const at::Tensor pictures = pad_rows(stack(std::span(batch).subspan(begin, end - begin)), kRows);
    const at::Tensor ids_BHW = quantizer_.ids(net_.encode(pictures)).cpu();
    for (std::size_t row = 0; row < end - begin; ++row) {
      const at::Tensor ids_L = ids_BHW[static_cast<std::int64_t>(row)].flatten().clone();
      all.push_back({ids_L, layout(ids_L.size(0))});
    }
  }
  return all;
}

std::vector<Media> FsqImageTokenizer::decode(const std::vector<Codes>& batch) const {
  const at::NoGradGuard no_grad;
  const SingleThread single_thread;
  std::vector<Media> all;
  const auto length_of = [&batch](std::size_t row) { return batch[row].ids_L.numel(); };
  for (const auto& [begin, end] : passes_of_one_size(batch.size(), length_of)) {
    layout(length_of(begin));
    const auto grid = std::lround(std::sqrt(static_cast<double>(length_of(begin))));
    std::vector<at::Tensor> rows;
    for (std::size_t row = begin; row < end; ++row) {
      check_local_ids(batch[row].ids_L, space_.size(), "fsq-image");
      rows.push_back(batch[row].ids_L.view({grid, grid}));
    }
    const at::Tensor codes = quantizer_.codes(pad_rows(at::stack(rows), kRows)).to(device_);
    const at::Tensor pixels = at::round((net_.decode(codes) + 1) * 127.5).clamp(0, 255).to(at::kByte).cpu();
    for (std::size_t row = 0; row < end - begin; ++row) {
      all.emplace_back(Image{pixels[static_cast<std::int64_t>(row)].permute({1, 2, 0}).contiguous()});
    }
  }
  return all;
}

LossReport FsqImageTokenizer::loss(const std::vector<Media>& batch, RandomKey key) {
  (void)key;  // nothing is drawn: pictures are used as they are
  const at::Tensor pictures = stack(batch);
  const at::Tensor error = net_.decode(quantizer_.quantize(net_.encode(pictures))) - pictures;
  const at::Tensor squared = error.square();
  LossReport report;
  report.loss = squared.mean() + options_.absolute_loss * error.abs().mean();
  // Both grounds of a PSNR in dB of the [0,1] range: the mean over pictures, and that of the mean squared error.
  const at::Tensor of_each = squared.detach().mean({1, 2, 3}) / 4 + 1e-10;
  report.figures["psnr"] = (-10 * at::log10(of_each)).mean().item<double>();
  report.figures["psnr_of_mean"] = -10 * std::log10(of_each.mean().item<double>());
  return report;
}

void FsqImageTokenizer::save(const std::filesystem::path& directory) const {
  save_tokenizer_files(directory, kind(), to_toml(options_), parameters_);
}

void FsqImageTokenizer::to(const Machine& machine) {
  device_ = machine.device;
  parameters_.to(device_);
}

}  // namespace palimpsest
