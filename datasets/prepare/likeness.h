// Likeness: when two samples say the same, and how to find the one that came before without comparing with all.
//
// A trait is a few bytes noted of a sample; two traits that are alike share at least one bucket (exact and picture:
// always; text: with the probability of the banding below).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/catalogue.h"
#include "datasets/sources/source.h"

namespace palimpsest {

class Likeness {
 public:
  virtual ~Likeness() = default;
  virtual std::string trait(const std::vector<const Media*>& media) const = 0;
  virtual std::vector<std::uint64_t> buckets(std::string_view trait) const = 0;
  virtual bool alike(std::string_view one, std::string_view other) const = 0;
};

// A way to be alike. `distance` is what alike may differ in; negative takes the kind's own.
struct LikenessKind {
  const char* name;
  const char* media;  // the one kind that it reads; "" for any, and any number of roles
  const char* line;
  const char* paper;
  double distance, farthest;  // its own, and the most that may be asked
  std::int64_t window;        // samples remembered where the recipe does not say
  std::unique_ptr<Likeness> (*make)(double distance);
};
const std::vector<LikenessKind>& likeness_kinds();
const LikenessKind& find_likeness(const std::string& name);  // InputError naming the key `kind`, with the nearest

// 64 bits of the low frequencies of a picture's luminance, and its four quarters' mean colours: 20 bytes.
std::string picture_trait(const Image& image);
// Least values of keyed hashes over all runs of five bytes of the plain words: one byte each.
std::string text_trait(const std::string& utf8);

}  // namespace palimpsest
