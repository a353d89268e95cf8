#include "modalities/media/image.h"

#include <cmath>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

constexpr double kWhite = 255.0;
constexpr std::int64_t kBandPixels = 4 << 20;  // brought to floats at once

// Catmull-Rom cubic (Keys 1981, a = -1/2) at `distance` pixels.
double cubic_weight(double distance) {
  const double x = std::abs(distance);
  if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

// What each of `from` pixels adds to each of `to`, float32 [to,from]: overlap when shrinking, cubic (edges repeated)
// when growing.
at::Tensor resize_weights(std::int64_t from, std::int64_t to) {
  at::Tensor weights = at::zeros({to, from}, at::kDouble);
  double* row = weights.data_ptr<double>();
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (std::int64_t out = 0; out < to; ++out, row += from) {
    if (from > to) {
      const double begin = static_cast<double>(out) * scale, end = begin + scale;
      for (auto in = static_cast<std::int64_t>(begin); in < from && static_cast<double>(in) < end; ++in) {
        const double overlap = std::min(end, static_cast<double>(in + 1)) - std::max(begin, static_cast<double>(in));
        row[in] += overlap / scale;
      }
    } else {
      const double centre = (static_cast<double>(out) + 0.5) * scale - 0.5;
      const auto left = static_cast<std::int64_t>(std::floor(centre));
      for (std::int64_t in = left - 1; in <= left + 2; ++in) {
        row[std::clamp<std::int64_t>(in, 0, from - 1)] += cubic_weight(centre - static_cast<double>(in));
      }
    }
  }
  return weights.to(at::kFloat);
}

// uint8 [H,W,3] to uint8 [rows,columns,3], one axis after the other, by bands of rows: of a large picture only a band
// is ever in floats.
at::Tensor resize(const at::Tensor& pixels_HWC, std::int64_t rows, std::int64_t columns) {
  if (pixels_HWC.size(0) == rows && pixels_HWC.size(1) == columns) return pixels_HWC;
  const std::int64_t height = pixels_HWC.size(0), width = pixels_HWC.size(1);
  const at::Tensor across = width == columns ? at::Tensor() : resize_weights(width, columns).t();
  const at::Tensor down = height == rows ? at::Tensor() : resize_weights(height, rows);
  const std::int64_t band = std::max<std::int64_t>(1, kBandPixels / width);
  std::vector<at::Tensor> bands_CHW;
  for (std::int64_t begin = 0; begin < height; begin += band) {
    const std::int64_t count = std::min(band, height - begin);
    at::Tensor planes = pixels_HWC.narrow(0, begin, count).permute({2, 0, 1}).to(at::kFloat);
    if (across.defined()) planes = at::matmul(planes, across);
    if (down.defined()) planes = at::matmul(down.narrow(1, begin, count), planes);
    if (down.defined() && !bands_CHW.empty()) {
      bands_CHW.front() += planes;  // every band has its share in every row
    } else {
      bands_CHW.push_back(std::move(planes));
    }
  }
  const at::Tensor planes = bands_CHW.size() == 1 ? bands_CHW.front() : at::cat(bands_CHW, 1);
  return planes.round().clamp(0, kWhite).to(at::kByte).permute({1, 2, 0}).contiguous();
}

std::int64_t scaled(std::int64_t length, std::int64_t numerator, std::int64_t denominator) {
  return std::max<std::int64_t>(1, (2 * length * numerator + denominator) / (2 * denominator));
}

at::Tensor crop_and_resize(const at::Tensor& pixels_HWC, std::int64_t rows, std::int64_t columns) {
  const std::int64_t height = pixels_HWC.size(0), width = pixels_HWC.size(1);
  const std::int64_t kept_rows = std::min(height, scaled(width, rows, columns));
  const std::int64_t kept_columns = std::min(width, scaled(height, columns, rows));
  const at::Tensor kept =
      pixels_HWC.narrow(0, (height - kept_rows) / 2, kept_rows).narrow(1, (width - kept_columns) / 2, kept_columns);
  return resize(kept, rows, columns).contiguous();
}

at::Tensor resize_and_pad(const at::Tensor& pixels_HWC, std::int64_t rows, std::int64_t columns) {
  const std::int64_t height = pixels_HWC.size(0), width = pixels_HWC.size(1);
  const std::int64_t inner_rows = std::min(rows, scaled(height, columns, width));
  const std::int64_t inner_columns = std::min(columns, scaled(width, rows, height));
  at::Tensor padded = at::full({rows, columns, 3}, kWhite, at::kByte);
  padded.narrow(0, (rows - inner_rows) / 2, inner_rows)
      .narrow(1, (columns - inner_columns) / 2, inner_columns)
      .copy_(resize(pixels_HWC, inner_rows, inner_columns));
  return padded;
}

}  // namespace

Image fit_image(const Image& image, std::int64_t rows, std::int64_t columns, FitPolicy policy, std::string_view name) {
  const at::Tensor& pixels = image.pixels_HWC;
  TORCH_CHECK(pixels.dim() == 3 && pixels.size(2) == 3 && pixels.scalar_type() == at::kByte,
              "fit_image: pixels are uint8 [H,W,3]");
  if (pixels.size(0) == rows && pixels.size(1) == columns) return image;
  switch (policy) {
    case FitPolicy::kCrop:
      return {crop_and_resize(pixels, rows, columns)};
    case FitPolicy::kPad:
      return {resize_and_pad(pixels, rows, columns)};
    case FitPolicy::kStretch:
      return {resize(pixels, rows, columns)};
    case FitPolicy::kRefuse:
      break;
  }
  throw InputError(name, "",
                   "is " + std::to_string(pixels.size(1)) + "x" + std::to_string(pixels.size(0)) + " pixels; must be " +
                       std::to_string(columns) + "x" + std::to_string(rows));
}

Image load_image(const std::filesystem::path& path, const ImageLimits& limits) {
  return decode_image(read_file(path), path.string(), limits);
}

void save_png(const Image& image, const std::filesystem::path& path) { write_file_atomically(path, encode_png(image)); }

}  // namespace palimpsest
