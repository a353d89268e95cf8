#include <ATen/ops/full.h>

#include <opencv2/imgproc.hpp>
#include <sstream>

#include "modalities/media/lettering.h"

namespace palimpsest {

namespace {

constexpr int kFont = cv::FONT_HERSHEY_PLAIN;
constexpr double kScale = 0.8;
constexpr int kLineRows = 13, kBaselineRows = 10, kMargin = 2;  // pixels

int columns_of(const std::string& text) { return cv::getTextSize(text, kFont, kScale, 1, nullptr).width; }

// The font knows ASCII. A code point is one '?', whatever its bytes.
std::string to_ascii(std::string_view utf8) {
  std::string ascii;
  for (const char byte : utf8) {
    const auto value = static_cast<unsigned char>(byte);
    if (value >= 0x80 && value < 0xC0) continue;  // goes on with the code point before it
    ascii += value < 0x80 ? byte : '?';
  }
  return ascii;
}

// Cuts a word into parts that fit.
std::vector<std::string> fitting_parts(const std::string& word, int room) {
  std::vector<std::string> parts{""};
  for (const char letter : word) {
    if (columns_of(parts.back() + letter) > room) parts.emplace_back();
    parts.back() += letter;
  }
  return parts;
}

std::vector<std::string> break_lines(const std::string& text, int room) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    for (const std::string& part : fitting_parts(word, room)) {
      const bool joins = !lines.empty() && columns_of(lines.back() + " " + part) <= room;
      if (joins) {
        lines.back() += " " + part;
      } else {
        lines.push_back(part);
      }
    }
  }
  return lines;
}

}  // namespace

Image lettered(std::string_view utf8, std::int64_t columns) {
  const int room = static_cast<int>(columns) - 2 * kMargin;
  TORCH_CHECK(room >= columns_of("W"), "lettered: a picture of ", columns, " columns is narrower than a letter");
  const std::vector<std::string> lines = break_lines(to_ascii(utf8), room);
  const auto rows = static_cast<std::int64_t>(lines.size()) * kLineRows + 2 * kMargin;
  at::Tensor pixels_HWC = at::full({rows, columns, 3}, 255, at::kByte);
  cv::Mat target(static_cast<int>(rows), static_cast<int>(columns), CV_8UC3, pixels_HWC.data_ptr());
  for (std::size_t line = 0; line < lines.size(); ++line) {
    const cv::Point place(kMargin, kMargin + static_cast<int>(line) * kLineRows + kBaselineRows);
    cv::putText(target, lines[line], place, kFont, kScale, cv::Scalar::all(0), 1, cv::LINE_AA);
  }
  return {pixels_HWC};
}

}  // namespace palimpsest
