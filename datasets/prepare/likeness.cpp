// Shapes: H rows, W columns, C channels (3), F frequencies (8).
#include "datasets/prepare/likeness.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/prepare/plain_words.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

std::uint64_t number_of(std::string_view eight_bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, eight_bytes.data(), sizeof number);
  return number;
}

std::string bytes_of(std::uint64_t number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }

// ---- exact: a hash of what was decoded ------------------------------------------------------------------------------

std::string_view tensor_bytes(const at::Tensor& contiguous) {
  return {static_cast<const char*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

std::string content_of(const Media& media) {
  if (const Text* text = std::get_if<Text>(&media)) return text->utf8;
  if (const Image* image = std::get_if<Image>(&media)) {
    const at::Tensor pixels_HWC = image->pixels_HWC.contiguous();
    return std::to_string(pixels_HWC.size(1)) + " " + std::string(tensor_bytes(pixels_HWC));
  }
  const Audio& audio = std::get<Audio>(media);
  return std::to_string(audio.sample_rate) + " " + std::string(tensor_bytes(audio.samples_N.contiguous()));
}

class ExactLikeness : public Likeness {
 public:
  std::string trait(const std::vector<const Media*>& media) const override {
    std::uint64_t first = 0, second = 1;
    for (const Media* one : media) {
      const std::string content = one ? content_of(*one) : std::string();
      first = hash64(content, first);
      second = hash64(content, second);
    }
    return bytes_of(first) + bytes_of(second);
  }
  std::vector<std::uint64_t> buckets(std::string_view trait) const override { return {number_of(trait)}; }
  bool alike(std::string_view one, std::string_view other) const override { return one == other; }
};

// ---- picture: a perceptual hash -------------------------------------------------------------------------------------

constexpr std::int64_t kHashedSide = 32, kFrequencies = 8;
constexpr double kFlat = 1.0;          // a weaker coefficient is noise of the arithmetic
constexpr int kColourDifference = 24;  // of 255, that quarters of alike pictures may differ

// Rows of the discrete cosine transform (II), [F,32].
at::Tensor cosines() {
  at::Tensor cosines_FW = at::empty({kFrequencies, kHashedSide}, at::kFloat);
  for (std::int64_t f = 0; f < kFrequencies; ++f) {
    for (std::int64_t x = 0; x < kHashedSide; ++x) {
      const double phase = std::numbers::pi * static_cast<double>(f * (2 * x + 1)) / (2.0 * kHashedSide);
      cosines_FW[f][x] = std::cos(phase) * std::sqrt(2.0 / kHashedSide);
    }
  }
  return cosines_FW;
}

std::uint64_t frequency_bits(const Image& image) {
  static const at::Tensor cosines_FW = cosines();
  const at::Tensor small_HWC =
      fit_image(image, kHashedSide, kHashedSide, FitPolicy::kStretch).pixels_HWC.to(at::kFloat);
  const at::Tensor luminance_HW = small_HWC.matmul(at::tensor({0.299f, 0.587f, 0.114f}));
  const at::Tensor found = cosines_FW.matmul(luminance_HW).matmul(cosines_FW.t()).contiguous();
  const float* values = found.const_data_ptr<float>();
  constexpr std::size_t kBits = kFrequencies * kFrequencies;
  std::vector<float> sorted(values + 1, values + kBits);  // without the mean
  std::nth_element(sorted.begin(), sorted.begin() + kBits / 2 - 1, sorted.end());
  const double median = sorted[kBits / 2 - 1];
  std::uint64_t bits = 0;
  for (std::size_t at = 1; at < kBits; ++at)
    bits |= static_cast<std::uint64_t>(values[at] > median && std::abs(values[at]) > kFlat) << at;
  return bits;
}

class PictureLikeness : public Likeness {
 public:
  explicit PictureLikeness(double distance) : distance_(static_cast<int>(distance)) {}

  std::string trait(const std::vector<const Media*>& media) const override {
    return picture_trait(std::get<Image>(*media.front()));
  }
  // Cut into one piece more than bits may differ, one piece at least is the same.
  std::vector<std::uint64_t> buckets(std::string_view trait) const override {
    const std::uint64_t bits = number_of(trait);
    const int pieces = distance_ + 1;
    std::vector<std::uint64_t> found;
    for (int piece = 0; piece < pieces; ++piece) {
      const int begin = 64 * piece / pieces, end = 64 * (piece + 1) / pieces;
      const std::uint64_t low = end == 64 ? bits : bits & ((std::uint64_t{1} << end) - 1);
      found.push_back(hash64(bytes_of(low >> begin), static_cast<std::uint64_t>(piece)));
    }
    return found;
  }
  bool alike(std::string_view one, std::string_view other) const override {
    if (std::popcount(number_of(one) ^ number_of(other)) > distance_) return false;
    for (std::size_t at = sizeof(std::uint64_t); at < one.size(); ++at) {
      const auto level = [at](std::string_view trait) {
        return static_cast<int>(static_cast<unsigned char>(trait[at]));
      };
      if (std::abs(level(one) - level(other)) > kColourDifference) return false;
    }
    return true;
  }

 private:
  int distance_;
};

// ---- text: MinHash with banding -------------------------------------------------------------------------------------

constexpr std::size_t kBands = 20, kRowsOfBand = 6, kHashes = kBands * kRowsOfBand, kRun = 5;

// The factor and summand of each keyed hash.
struct KeyedHashes {
  std::uint64_t factor[kHashes], summand[kHashes];
  KeyedHashes() {
    for (std::size_t number = 0; number < kHashes; ++number) {
      factor[number] = hash64("factor", number) | 1;
      summand[number] = hash64("summand", number);
    }
  }
};

class TextLikeness : public Likeness {
 public:
  explicit TextLikeness(double distance) : least_(1.0 - distance) {}

  std::string trait(const std::vector<const Media*>& media) const override {
    return text_trait(std::get<Text>(*media.front()).utf8);
  }
  std::vector<std::uint64_t> buckets(std::string_view trait) const override {
    std::vector<std::uint64_t> found;
    for (std::size_t band = 0; band < kBands; ++band)
      found.push_back(hash64(trait.substr(band * kRowsOfBand, kRowsOfBand), band));
    return found;
  }
  // The share of equal hashes estimates the Jaccard index, but for one in 256 that is equal by chance.
  bool alike(std::string_view one, std::string_view other) const override {
    double equal = 0;
    for (std::size_t at = 0; at < kHashes; ++at) equal += one[at] == other[at];
    constexpr double kChance = 1.0 / 256.0;
    return (equal / kHashes - kChance) / (1.0 - kChance) >= least_;
  }

 private:
  double least_;
};

}  // namespace

std::string picture_trait(const Image& image) {
  const at::Tensor quarters = fit_image(image, 2, 2, FitPolicy::kStretch).pixels_HWC.contiguous();
  return bytes_of(frequency_bits(image)) + std::string(tensor_bytes(quarters));
}

std::string text_trait(const std::string& utf8) {
  static const KeyedHashes keyed;
  const std::string plain = plain_words(utf8);
  std::vector<std::uint64_t> least(kHashes, ~std::uint64_t{0});
  const std::size_t runs = plain.size() < kRun ? 1 : plain.size() - kRun + 1;
  for (std::size_t at = 0; at < runs; ++at) {
    const std::uint64_t hash = hash64(std::string_view(plain).substr(at, kRun));
    for (std::size_t number = 0; number < kHashes; ++number)
      least[number] = std::min(least[number], hash * keyed.factor[number] + keyed.summand[number]);
  }
  std::string trait;
  for (const std::uint64_t value : least) trait += static_cast<char>(hash64(bytes_of(value)) & 0xFF);
  return trait;
}

const std::vector<LikenessKind>& likeness_kinds() {
  static const std::vector<LikenessKind> kinds{
      {"exact", "", "the same decoded content in every one of the roles", "XXH3, 128 bits", 0, 0, 4'000'000,
       [](double) -> std::unique_ptr<Likeness> { return std::make_unique<ExactLikeness>(); }},
      {"picture", "image", "at most `distance` of 64 bits of a perceptual hash apart, and much the same colours",
       "pHash: Zauner 2010; pieces: Norouzi, arXiv 1307.2982", 4, 15, 1'000'000,
       [](double distance) -> std::unique_ptr<Likeness> { return std::make_unique<PictureLikeness>(distance); }},
      {"text", "text",
       "Jaccard distance of runs of five letters at most `distance`, estimated by MinHash in 20 bands of 6",
       "Broder 1997; Lee, arXiv 2107.06499", 0.2, 0.8, 500'000,
       [](double distance) -> std::unique_ptr<Likeness> { return std::make_unique<TextLikeness>(distance); }},
  };
  return kinds;
}

const LikenessKind& find_likeness(const std::string& name) {
  std::vector<std::string> names;
  for (const LikenessKind& kind : likeness_kinds()) {
    if (kind.name == name) return kind;
    names.emplace_back(kind.name);
  }
  throw InputError("", "kind",
                   (name.empty() ? "must be given" : "unknown value '" + name + "'") + suggest(name, names));
}

}  // namespace palimpsest
