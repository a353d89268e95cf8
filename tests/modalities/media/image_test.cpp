#include "modalities/media/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "base/errors.h"
#include "base/files.h"
#include "base/random.h"
#include "tests/modalities/media/encode_media.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

Image random_image(std::int64_t rows, std::int64_t columns) {
  const RandomKey key = RandomKey::root(3);
  at::Tensor pixels_HWC = at::empty({rows, columns, 3}, at::kByte);
  for (std::int64_t i = 0; i < pixels_HWC.numel(); ++i) {
    pixels_HWC.data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(key.below(256, static_cast<std::uint64_t>(i)));
  }
  return {pixels_HWC};
}

std::string encode_mat(const char* extension, const cv::Mat& pixels) {
  std::vector<std::uint8_t> bytes;
  cv::imencode(extension, pixels, bytes);
  return std::string(bytes.begin(), bytes.end());
}

std::array<int, 3> pixel(const Image& image, std::int64_t row, std::int64_t column) {
  const at::Tensor rgb = image.pixels_HWC[row][column];
  return {rgb[0].item<int>(), rgb[1].item<int>(), rgb[2].item<int>()};
}

using Pixel = std::array<int, 3>;

// What decoding says, and that nothing but the error is said.
std::string image_error(std::string_view bytes, const ImageLimits& limits = {}) {
  testing::internal::CaptureStderr();
  std::string message = "no error";
  try {
    decode_image(bytes, "x.png", limits);
  } catch (const InputError& error) {
    message = error.what();
  }
  const std::string talk = testing::internal::GetCapturedStderr();
  return message + (talk.empty() ? "" : " [stderr: " + talk + "]");
}

TEST(Image, LosslessFormatsGiveBackEveryPixel) {
  const Image image = random_image(17, 23);
  EXPECT_TRUE(at::equal(decode_image(encode_png(image), "png").pixels_HWC, image.pixels_HWC));
  EXPECT_TRUE(at::equal(decode_image(encode_webp_lossless(image), "webp").pixels_HWC, image.pixels_HWC));
  for (const char* extension : {".bmp", ".tiff", ".ppm"}) {
    cv::Mat bgr(17, 23, CV_8UC3);
    for (int i = 0; i < 17 * 23 * 3; ++i)
      bgr.data[i] = image.pixels_HWC.data_ptr<std::uint8_t>()[i / 3 * 3 + 2 - i % 3];
    EXPECT_TRUE(at::equal(decode_image(encode_mat(extension, bgr), extension).pixels_HWC, image.pixels_HWC))
        << extension;
  }
}

TEST(Image, TransparencyShowsWhite) {
  cv::Mat bgra(1, 3, CV_8UC4);
  bgra.at<cv::Vec4b>(0, 0) = {0, 0, 200, 255};
  bgra.at<cv::Vec4b>(0, 1) = {0, 0, 200, 0};
  bgra.at<cv::Vec4b>(0, 2) = {0, 0, 200, 51};
  for (const char* extension : {".png", ".tiff"}) {
    const Image image = decode_image(encode_mat(extension, bgra), "alpha");
    EXPECT_EQ(pixel(image, 0, 0), (Pixel{200, 0, 0})) << extension;
    EXPECT_EQ(pixel(image, 0, 1), (Pixel{255, 255, 255})) << extension;
    EXPECT_EQ(pixel(image, 0, 2), (Pixel{244, 204, 204})) << extension;
  }
}

TEST(Image, SixteenBitsAreScaledNotCut) {
  cv::Mat wide(1, 3, CV_16UC3);
  wide.at<cv::Vec3w>(0, 0) = {0, 0, 65535};
  wide.at<cv::Vec3w>(0, 1) = {257, 514, 32896};
  wide.at<cv::Vec3w>(0, 2) = {200, 380, 390};
  const Image image = decode_image(encode_mat(".png", wide), "deep");
  EXPECT_EQ(pixel(image, 0, 0), (Pixel{255, 0, 0}));
  EXPECT_EQ(pixel(image, 0, 1), (Pixel{128, 2, 1}));
  EXPECT_EQ(pixel(image, 0, 2), (Pixel{2, 1, 1}));
}

TEST(Image, GreyBecomesRgb) {
  const cv::Mat grey8(2, 2, CV_8UC1, cv::Scalar(77)), grey16(2, 2, CV_16UC1, cv::Scalar(257 * 9));
  EXPECT_EQ(pixel(decode_image(encode_mat(".png", grey8), "grey"), 1, 1), (Pixel{77, 77, 77}));
  EXPECT_EQ(pixel(decode_image(encode_mat(".jpg", grey8), "grey"), 1, 1), (Pixel{77, 77, 77}));
  EXPECT_EQ(pixel(decode_image(encode_mat(".png", grey16), "grey"), 0, 0), (Pixel{9, 9, 9}));
}

// Made by tests/modalities/media/data/make_cmyk_jpeg.cpp: left half ink (C 0, M 255, Y 255, K 0), right half (255, 255,
// 0, 0).
TEST(Image, CmykBecomesRgb) {
  const Image image = load_image(std::string(PALIMPSEST_SOURCE_DIR) + "/tests/modalities/media/data/cmyk.jpg");
  ASSERT_EQ(image.pixels_HWC.sizes(), (std::vector<std::int64_t>{16, 32, 3}));
  const Pixel left = pixel(image, 8, 4), right = pixel(image, 8, 28);
  EXPECT_GT(left[0], 245);
  EXPECT_LT(left[1] + left[2], 20);
  EXPECT_GT(right[2], 245);
  EXPECT_LT(right[0] + right[1], 20);
}

// A 16x24 JPEG, red in the stored top left quadrant and green in the stored top right, with an EXIF block that says
// `orientation`.
std::string oriented_jpeg(int orientation, bool big_endian) {
  cv::Mat bgr(16, 24, CV_8UC3, cv::Scalar(0, 0, 0));
  bgr(cv::Rect(0, 0, 12, 8)) = cv::Scalar(0, 0, 255);
  bgr(cv::Rect(12, 0, 12, 8)) = cv::Scalar(0, 255, 0);
  const std::string jpeg = encode_mat(".jpg", bgr);
  using namespace std::string_literals;
  const char value = static_cast<char>(orientation);
  const std::string tiff = big_endian ? "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + value + "\0\0\0\0\0\0"s
                                      : "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"s + value + "\0\0\0\0\0\0\0"s;
  const std::string content = "Exif\0\0"s + tiff;
  const auto size = content.size() + 2;
  return jpeg.substr(0, 2) + "\xFF\xE1"s + static_cast<char>(size >> 8) + static_cast<char>(size & 0xFF) + content +
         jpeg.substr(2);
}

TEST(Image, ExifOrientationIsApplied) {
  enum Corner { kTopLeft, kTopRight, kBottomLeft, kBottomRight };
  // EXIF 2.32: where the stored top left and top right quadrants are seen.
  const std::array<std::pair<Corner, Corner>, 8> expected{{{kTopLeft, kTopRight},
                                                           {kTopRight, kTopLeft},
                                                           {kBottomRight, kBottomLeft},
                                                           {kBottomLeft, kBottomRight},
                                                           {kTopLeft, kBottomLeft},
                                                           {kTopRight, kBottomRight},
                                                           {kBottomRight, kTopRight},
                                                           {kBottomLeft, kTopLeft}}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      const Image image = decode_image(oriented_jpeg(orientation, big_endian), "exif");
      const std::int64_t rows = image.pixels_HWC.size(0), columns = image.pixels_HWC.size(1);
      ASSERT_EQ(rows, orientation >= 5 ? 24 : 16);
      const auto at_corner = [&](Corner corner) {
        return pixel(image, corner >= kBottomLeft ? rows - 3 : 2, corner % 2 == 1 ? columns - 3 : 2);
      };
      EXPECT_GT(at_corner(expected[static_cast<std::size_t>(orientation - 1)].first)[0], 200) << orientation;
      EXPECT_GT(at_corner(expected[static_cast<std::size_t>(orientation - 1)].second)[1], 200) << orientation;
    }
  }
}

at::Tensor plain_rgba(Pixel rgb, int alpha = 255) {
  at::Tensor pixels_HWC = at::empty({16, 24, 4}, at::kByte);
  for (int c = 0; c < 3; ++c) pixels_HWC.select(2, c).fill_(rgb[static_cast<std::size_t>(c)]);
  pixels_HWC.select(2, 3).fill_(alpha);
  return pixels_HWC;
}

TEST(Image, OfAnAnimationTheFirstFrameIsTaken) {
  const std::vector<at::Tensor> frames{plain_rgba({255, 0, 0}), plain_rgba({0, 0, 255}), plain_rgba({0, 255, 0})};
  for (const auto& [format, encoder] : {std::pair{"gif", "gif"}, {"apng", "apng"}, {"webp", "libwebp_anim"}}) {
    const std::string file = testing_support::encode_video(format, encoder, frames);
    const Image image = decode_image(file, format);
    EXPECT_EQ(image.pixels_HWC.sizes(), (std::vector<std::int64_t>{16, 24, 3})) << format;
    const Pixel middle = pixel(image, 8, 12);  // a GIF of FFmpeg's has 256 fixed colours
    EXPECT_GE(middle[0], 250) << format;
    EXPECT_EQ(middle[1] + middle[2], 0) << format;
  }
}

// A GIF of two pixels, the second transparent, written without compression (a clear code before each pair).
TEST(Image, TransparentGifShowsWhite) {
  using namespace std::string_literals;
  std::string gif = "GIF89a\x02\0\x01\0\x80\0\0"s + "\xFF\0\0\0\0\xFF"s;  // screen 2x1, colours red and blue
  gif += "\x21\xF9\x04\x01\0\0\x01\0"s;                                   // index 1 is transparent
  gif += "\x2C\0\0\0\0\x02\0\x01\0\0"s + "\x07\x04\x80\0\x01\x81\0;"s;    // 8-bit codes: clear, 0, 1, end
  const Image image = decode_image(gif, "gif");
  EXPECT_EQ(pixel(image, 0, 0), (Pixel{255, 0, 0}));
  EXPECT_EQ(pixel(image, 0, 1), (Pixel{255, 255, 255}));
}

TEST(Image, CutFilesAreRefusedNotFilledWithGrey) {
  const Image image = random_image(40, 50);
  cv::Mat bgr(40, 50, CV_8UC3, image.pixels_HWC.data_ptr());
  const std::vector<std::string> files{encode_png(image), encode_webp_lossless(image), encode_mat(".jpg", bgr),
                                       encode_mat(".bmp", bgr),
                                       testing_support::encode_video("gif", "gif", {plain_rgba({255, 0, 0})})};
  for (const std::string& file : files) {
    for (const std::size_t kept : {file.size() - 5, file.size() * 9 / 10, file.size() / 2, file.size() / 5}) {
      if (file.starts_with("GIF") && kept > file.size() / 2) continue;  // its first frame may be whole
      EXPECT_THAT(image_error(std::string_view(file).substr(0, kept)), testing::StartsWith("x.png: "))
          << file.substr(1, 3) << " " << kept;
      EXPECT_THAT(image_error(std::string_view(file).substr(0, kept)), testing::Not(HasSubstr("stderr")))
          << file.substr(1, 3);
    }
  }
  EXPECT_EQ(image_error(std::string_view(files[0]).substr(0, files[0].size() / 2)), "x.png: is truncated");
  EXPECT_EQ(image_error(std::string_view(files[2]).substr(0, files[2].size() - 2)), "x.png: is truncated");
}

TEST(Image, AFlippedBitOfAPngIsFound) {
  std::string png = encode_png(random_image(20, 20));
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 4);
  EXPECT_EQ(image_error(png), "x.png: is damaged (wrong checksum in its IDAT chunk)");
}

TEST(Image, WhatIsNoPictureIsNamed) {
  EXPECT_THAT(image_error("a red apple\n"), HasSubstr("x.png: is not a picture"));
  EXPECT_EQ(image_error(""), "x.png: is empty");
}

TEST(Image, PixelsAreLimitedBeforeDecoding) {
  const std::string png = encode_png(random_image(20, 30));
  EXPECT_EQ(image_error(png, {.max_pixels = 599}), "x.png: has 30x20 pixels; at most 599 in all are read");
  EXPECT_EQ(image_error(png, {.max_pixels = 600}), "no error");
  std::string bomb = encode_mat(".bmp", cv::Mat(2, 2, CV_8UC3, cv::Scalar(0)));
  for (const std::size_t size : {18, 22}) bomb.replace(size, 4, "\xFF\xFF\xFF\x00", 4);  // 16 million squared
  EXPECT_THAT(image_error(bomb), HasSubstr("has 16777215x16777215 pixels"));
}

TEST(Image, SidesAreLimitedAndTheLargeAreAskedForBefore) {
  const std::string png = encode_png(random_image(20, 30));
  EXPECT_EQ(image_error(png, {.max_side = 29}), "x.png: has 30x20 pixels; at most 29 a side are read");
  int asked = 0;
  const auto count = [&asked] { ++asked; };
  decode_image(png, "x.png", {.large_pixels = 599, .before_large = count});
  decode_image(png, "x.png", {.large_pixels = 600, .before_large = count});
  EXPECT_EQ(asked, 1);
}

// What decoders take from the first header must not be hidden by a second one.
TEST(Image, ASecondSizeInAFileIsRefused) {
  std::string jpeg = encode_mat(".jpg", cv::Mat(8, 8, CV_8UC3, cv::Scalar(0)));
  const std::size_t frame = jpeg.find("\xff\xc0");
  const std::string header = jpeg.substr(frame, 2 + 17);  // three components
  jpeg.insert(frame, header);
  EXPECT_THAT(image_error(jpeg), HasSubstr("is damaged (it says its size twice)"));
  std::string png = encode_png(random_image(4, 4));
  png.insert(33, png.substr(8, 25));  // a chunk IHDR has 25 bytes
  EXPECT_THAT(image_error(png), HasSubstr("is damaged (it says its size twice)"));
}

TEST(FitImage, BandByBandIsTheSame) {
  // More pixels than are brought to floats at once, in columns of one value: every band is known.
  at::Tensor pixels_HWC = at::arange(5000, at::kInt).floor_divide(50).to(at::kByte).view({1, 5000, 1});
  pixels_HWC = pixels_HWC.expand({2000, 5000, 3}).contiguous();
  const at::Tensor shrunk = fit_image({pixels_HWC}, 10, 100, FitPolicy::kStretch).pixels_HWC;
  for (std::int64_t column = 0; column < 100; ++column)
    EXPECT_TRUE(shrunk.select(1, column).eq(column).all().item<bool>());
  const at::Tensor rows_HWC = pixels_HWC.transpose(0, 1).contiguous();
  const at::Tensor narrowed = fit_image({rows_HWC}, 5000, 10, FitPolicy::kStretch).pixels_HWC;  // rows stay
  EXPECT_TRUE(narrowed.equal(rows_HWC.narrow(1, 0, 10)));
}

TEST(FitImage, EqualSizeIsUntouchedAndRefusalNamesTheSizes) {
  const Image image = random_image(8, 12);
  for (const FitPolicy policy : {FitPolicy::kCrop, FitPolicy::kPad, FitPolicy::kStretch, FitPolicy::kRefuse}) {
    EXPECT_TRUE(at::equal(fit_image(image, 8, 12, policy).pixels_HWC, image.pixels_HWC));
  }
  try {
    fit_image(image, 8, 8, FitPolicy::kRefuse, "apple.png");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "apple.png: is 12x8 pixels; must be 8x8");
  }
}

TEST(FitImage, ShrinkingAverages) {
  const Image image = random_image(12, 20);
  const at::Tensor expected =
      image.pixels_HWC.to(at::kDouble).view({4, 3, 5, 4, 3}).mean(at::IntArrayRef{1, 3}).round().to(at::kByte);
  const at::Tensor shrunk = fit_image(image, 4, 5, FitPolicy::kStretch).pixels_HWC;
  EXPECT_LE((shrunk.to(at::kInt) - expected.to(at::kInt)).abs().max().item<int>(), 1);
}

TEST(FitImage, APlainPictureStaysPlain) {
  for (const auto& [rows, columns] : {std::pair{7, 9}, {31, 5}, {64, 64}, {3, 50}}) {
    const Image plain{at::full({13, 21, 3}, 200, at::kByte)};
    EXPECT_TRUE(fit_image(plain, rows, columns, FitPolicy::kCrop).pixels_HWC.eq(200).all().item<bool>());
    EXPECT_TRUE(fit_image(plain, rows, columns, FitPolicy::kStretch).pixels_HWC.eq(200).all().item<bool>());
  }
}

TEST(FitImage, CropKeepsTheMiddleAndPadShowsWhite) {
  at::Tensor pixels_HWC = at::zeros({10, 30, 3}, at::kByte);
  pixels_HWC.narrow(1, 10, 10).fill_(100);  // the middle third
  EXPECT_TRUE(fit_image({pixels_HWC}, 10, 10, FitPolicy::kCrop).pixels_HWC.eq(100).all().item<bool>());
  const at::Tensor padded = fit_image({at::zeros({10, 30, 3}, at::kByte)}, 30, 30, FitPolicy::kPad).pixels_HWC;
  EXPECT_TRUE(padded.narrow(0, 0, 10).eq(255).all().item<bool>());
  EXPECT_TRUE(padded.narrow(0, 10, 10).eq(0).all().item<bool>());
  EXPECT_TRUE(padded.narrow(0, 20, 10).eq(255).all().item<bool>());
}

}  // namespace
}  // namespace palimpsest
