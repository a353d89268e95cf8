// Character n-grams of a text: how alike two captions look, and the features of the scorer's text side.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

// Lower-cased (ASCII) words of letters and digits; bytes past ASCII count as letters.
std::vector<std::string> words_of(std::string_view text);

// Whole words, and the three-byte pieces of each word with its borders marked ("<re", "red", "ed>").
std::vector<std::string> features_of(std::string_view text);

// Cosine of the feature counts of two texts, in [0,1].
double text_similarity(std::string_view left, std::string_view right);

// Feature counts of one text, for many comparisons against it.
class TextProfile {
 public:
  explicit TextProfile(std::string_view text);
  double similarity(const TextProfile& other) const;

 private:
  std::map<std::string, double> counts_;
  double norm_ = 0;
};

}  // namespace palimpsest
