#include "experiments/evaluation/ngrams.h"

#include <cmath>

namespace palimpsest {

namespace {

constexpr std::size_t kPiece = 3;

bool letter(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

char lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char byte : text) {
    const bool is_letter = letter(static_cast<unsigned char>(byte));
    if (is_letter && !inside) words.emplace_back();
    if (is_letter) words.back().push_back(lower(byte));
    inside = is_letter;
  }
  return words;
}

std::vector<std::string> features_of(std::string_view text) {
  std::vector<std::string> features;
  for (const std::string& word : words_of(text)) {
    features.push_back(word);
    const std::string bordered = "<" + word + ">";
    for (std::size_t begin = 0; begin + kPiece <= bordered.size(); ++begin)
      features.push_back(bordered.substr(begin, kPiece));
  }
  return features;
}

TextProfile::TextProfile(std::string_view text) {
  for (const std::string& feature : features_of(text)) counts_[feature] += 1;
  for (const auto& [feature, count] : counts_) norm_ += count * count;
  norm_ = std::sqrt(norm_);
}

double TextProfile::similarity(const TextProfile& other) const {
  if (norm_ == 0 || other.norm_ == 0) return 0;
  double product = 0;
  for (const auto& [feature, count] : counts_) {
    const auto found = other.counts_.find(feature);
    if (found != other.counts_.end()) product += count * found->second;
  }
  return product / (norm_ * other.norm_);
}

double text_similarity(std::string_view left, std::string_view right) {
  return TextProfile(left).similarity(TextProfile(right));
}

}  // namespace palimpsest
