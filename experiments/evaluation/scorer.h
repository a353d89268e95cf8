// ContrastiveScorer: a judge of pictures, trained apart from the model it judges: how well does a caption fit a
// picture?
//
// Shapes: B pictures or texts, H rows, W columns, C channels, D embedding, N features of all texts, F buckets.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/options.h"
#include "base/parameters.h"
#include "base/random.h"
#include "modalities/media/media.h"

namespace palimpsest {

// [scorer] of a recipe.
struct ScorerOptions {
  std::int64_t image_size = 64;  // pixels a side
  std::int64_t width = 32;       // channels of the first convolution; the others are 2, 4 and 5 times as wide
  std::int64_t embedding = 128;  // D
  std::int64_t buckets = 2560;   // F: character pieces and words are hashed into these
  std::int64_t shift = 4;        // augmentation: pictures move by up to this many pixels
  double blur = 0.5;             // augmentation: share of pictures shrunk and enlarged again, as a tokenizer blurs
  double keywords = 0.5;         // share of texts that are a caption with some of its keywords

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("image_size", self.image_size, "pixels a side");
    visitor("width", self.width, "channels of the first convolution");
    visitor("embedding", self.embedding, "size of the shared embedding");
    visitor("buckets", self.buckets, "hash buckets of the text's pieces");
    visitor("shift", self.shift, "training: pictures move by up to this many pixels");
    visitor("blur", self.blur, "training: share of pictures that are blurred");
    visitor("keywords", self.keywords, "training: share of texts with keywords");
  }
  void validate() const;
};

// The features of texts as bags: text i's bucket ids lie at [offsets_B[i], offsets_B[i+1]).
struct TextBags {
  at::Tensor buckets_N;  // int64
  at::Tensor offsets_B;  // int64
};

class ContrastiveScorer {
 public:
  ContrastiveScorer(const ScorerOptions& options, RandomKey key);

  TextBags bags(const std::vector<std::string>& texts) const;

  // Unit vectors [B,D]. Pictures are uint8 [B,H,W,3] of the scorer's size.
  at::Tensor embed_pictures_BD(const at::Tensor& pixels_BHWC) const;
  at::Tensor embed_texts_BD(const TextBags& texts) const;

  // InfoNCE in both directions: text i belongs to picture i and to no other (arXiv 2103.00020).
  at::Tensor loss(const at::Tensor& pixels_BHWC, const TextBags& texts) const;

  // Cosine of every picture with every caption: [pictures, captions], without gradient. Pictures of another size are
  // fitted.
  at::Tensor similarity(const std::vector<Image>& pictures, const std::vector<std::string>& captions) const;

  ParameterSet& parameters() { return parameters_; }
  const ScorerOptions& options() const { return options_; }

 private:
  at::Tensor linear(const at::Tensor& input, const std::string& name) const;
  at::Tensor parameter(const std::string& name) const;

  ScorerOptions options_;
  ParameterSet parameters_;
};

// Opens a checkpoint directory of kind "scorer" (recipe.toml and ema.safetensors or model.safetensors), or the newest
// of a run. InputError: not a scorer, weights that do not fit.
ContrastiveScorer load_scorer(const std::filesystem::path& directory);

}  // namespace palimpsest
