#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "base/errors.h"
#include "modalities/media/ffmpeg.h"
#include "modalities/media/image.h"
#include "modalities/media/image_header.h"
#include "modalities/media/webp_container.h"

namespace palimpsest {

namespace {

// OpenCV neither talks on the terminal nor starts threads beside torch's.
void settle_opencv() {
  static const bool settled = [] {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::setNumThreads(1);
    return true;
  }();
  (void)settled;
}

cv::Mat decode_with_opencv(std::string_view bytes, std::string_view name) {
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
  cv::Mat decoded;
  try {
    decoded = cv::imdecode(encoded, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw InputError(name, "", "cannot be decoded (" + error.err + ")");
  }
  if (decoded.empty()) throw InputError(name, "", "cannot be decoded (damaged or of an unknown variety)");
  return decoded;
}

// 8 bits a channel: 16-bit values are divided by 257, so that 65535 becomes 255.
cv::Mat to_8_bits(const cv::Mat& pixels, std::string_view name) {
  if (pixels.depth() == CV_8U) return pixels;
  if (pixels.depth() != CV_16U) throw InputError(name, "", "has channels of neither 8 nor 16 bits");
  cv::Mat narrow;
  pixels.convertTo(narrow, CV_8U, 1.0 / 257.0);
  return narrow;
}

// Grey, BGR or BGRA to uint8 RGB [H,W,3]; what is transparent shows white.
at::Tensor to_rgb(const cv::Mat& pixels, std::string_view name) {
  const int channels = pixels.channels();
  if (channels != 1 && channels != 3 && channels != 4)
    throw InputError(name, "", "has " + std::to_string(channels) + " channels");
  at::Tensor rgb_HWC = at::empty({pixels.rows, pixels.cols, 3}, at::kByte);
  cv::Mat target(pixels.rows, pixels.cols, CV_8UC3, rgb_HWC.data_ptr());
  if (channels != 4) {
    cv::cvtColor(pixels, target, channels == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
    return rgb_HWC;
  }
  for (int row = 0; row < pixels.rows; ++row) {
    const std::uint8_t* source = pixels.ptr<std::uint8_t>(row);
    std::uint8_t* out = target.ptr<std::uint8_t>(row);
    for (int column = 0; column < pixels.cols; ++column, source += 4, out += 3) {
      const int alpha = source[3];
      for (int c = 0; c < 3; ++c)
        out[c] = static_cast<std::uint8_t>((source[2 - c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return rgb_HWC;
}

at::Tensor decode_still(std::string_view bytes, std::string_view name) {
  cv::Mat pixels = decode_with_opencv(bytes, name);
  pixels = to_8_bits(pixels, name);  // the wider ones are gone before there are others
  return to_rgb(pixels, name);
}

// The first frame of an animated WebP on a white canvas of the animation's size.
at::Tensor decode_animated_webp(std::string_view bytes, const ImageHeader& header, std::string_view name) {
  const WebpFrame frame = first_webp_frame(bytes, name);
  const at::Tensor pixels_HWC = decode_still(frame.still, name);
  if (frame.top + pixels_HWC.size(0) > header.rows || frame.left + pixels_HWC.size(1) > header.columns) {
    throw InputError(name, "", "is damaged (its first frame lies outside the picture)");
  }
  at::Tensor canvas_HWC = at::full({header.rows, header.columns, 3}, 255, at::kByte);
  canvas_HWC.narrow(0, frame.top, pixels_HWC.size(0)).narrow(1, frame.left, pixels_HWC.size(1)).copy_(pixels_HWC);
  return canvas_HWC;
}

// EXIF 2.32, tag 0x0112: where the stored first row and column belong.
at::Tensor apply_orientation(at::Tensor pixels_HWC, int orientation) {
  const bool transposed = orientation >= 5;
  const bool flip_rows = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool flip_columns = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  if (transposed) pixels_HWC = pixels_HWC.transpose(0, 1);
  if (flip_rows) pixels_HWC = pixels_HWC.flip(0);
  if (flip_columns) pixels_HWC = pixels_HWC.flip(1);
  return pixels_HWC.contiguous();
}

at::Tensor decode_format(std::string_view bytes, const ImageHeader& header, std::string_view name) {
  if (header.format == ImageFormat::kGif) return decode_first_frame(bytes, name).pixels_HWC;
  if (header.animated) return decode_animated_webp(bytes, header, name);
  return decode_still(bytes, name);
}

std::string encode(const Image& image, const char* extension, const std::vector<int>& settings) {
  const at::Tensor pixels = image.pixels_HWC.contiguous();
  TORCH_CHECK(pixels.dim() == 3 && pixels.size(2) == 3 && pixels.scalar_type() == at::kByte,
              "encode: pixels are uint8 [H,W,3]");
  settle_opencv();
  const cv::Mat rgb(static_cast<int>(pixels.size(0)), static_cast<int>(pixels.size(1)), CV_8UC3, pixels.data_ptr());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  TORCH_CHECK(cv::imencode(extension, bgr, bytes, settings), "encode: OpenCV cannot write ", extension);
  return std::string(bytes.begin(), bytes.end());
}

// A side is checked first, so that the product cannot overflow.
void check_size(const ImageHeader& header, std::string_view name, const ImageLimits& limits) {
  const std::string size = "has " + std::to_string(header.columns) + "x" + std::to_string(header.rows) + " pixels; ";
  if (std::max(header.rows, header.columns) > limits.max_side)
    throw InputError(name, "", size + "at most " + std::to_string(limits.max_side) + " a side are read");
  if (header.rows * header.columns > limits.max_pixels)
    throw InputError(name, "", size + "at most " + std::to_string(limits.max_pixels) + " in all are read");
  if (header.rows * header.columns > limits.large_pixels && limits.before_large) limits.before_large();
}

}  // namespace

Image decode_image(std::string_view bytes, std::string_view name, const ImageLimits& limits) {
  settle_opencv();
  const ImageHeader header = read_image_header(bytes, name);
  check_size(header, name, limits);
  if (header.pixels_end > static_cast<std::int64_t>(bytes.size())) throw InputError(name, "", "is truncated");
  return {apply_orientation(decode_format(bytes, header, name), header.orientation)};
}

std::string encode_png(const Image& image) { return encode(image, ".png", {cv::IMWRITE_PNG_COMPRESSION, 9}); }

std::string encode_webp_lossless(const Image& image) {
  constexpr int kLossless = 101;  // OpenCV's word for it: any quality above 100
  return encode(image, ".webp", {cv::IMWRITE_WEBP_QUALITY, kLossless});
}

}  // namespace palimpsest
