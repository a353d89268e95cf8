// Transforms: what is done to samples before they become ids, each a pure function of the sample and its key.
#pragma once

#include <string>
#include <vector>

#include "base/catalogue.h"
#include "base/options.h"
#include "datasets/sources/source.h"

namespace palimpsest {

enum class DirectionWords { kLeave, kSwap };
constexpr auto enum_names(DirectionWords) {
  return std::array{std::pair{DirectionWords::kLeave, "leave"}, std::pair{DirectionWords::kSwap, "swap"}};
}

// [[transforms]], done in their order.
struct TransformOptions {
  std::string kind;  // inspect --transforms lists them
  std::string role;  // what is changed
  double probability = 1.0;
  std::string caption;                            // flip: the text role that tells what the picture shows
  DirectionWords words = DirectionWords::kLeave;  // flip, where the caption says left or right
  std::vector<std::string> texts;                 // template: one of them is drawn
  double level = -23.0;                           // loudness: dB of full scale
  double least = 0.5;                             // crop: smallest share of each side

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "what is done: see 'palimpsest inspect --transforms'");
    visitor("role", self.role, "the role that is changed");
    visitor("probability", self.probability, "how often, drawn by the sample's key");
    visitor("caption", self.caption, "flip: the text role that tells what the picture shows");
    visitor("words", self.words, "flip, where the caption says left or right: leave the picture, or swap the words");
    visitor("texts", self.texts, "template: texts with {caption} and {FIELD}, one is drawn");
    visitor("level", self.level, "loudness: root mean square, dB of full scale");
    visitor("least", self.least, "crop: smallest share of each side that is kept");
  }
  void validate() const;
};

std::vector<CatalogueEntry> transform_catalogue();

// The kind of media that a transform changes: text, image, audio, or "" for any.
std::string_view transformed_kind(const TransformOptions& options);

// Does them one after another; draws hang on the sample's key and the place in the list. A role that the sample lacks
// is left.
void transform(const std::vector<TransformOptions>& transforms, Sample& sample);

// The text with left and right (-most, -ward, -wards, -hand) exchanged; nullopt when it says neither.
std::optional<std::string> swap_directions(const std::string& text);

}  // namespace palimpsest
