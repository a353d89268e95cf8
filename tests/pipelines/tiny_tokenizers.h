// Tokenizers of a few ids, exact both ways, and a tri-modal schema over them.
#pragma once

#include "backbone/transformer/transformer.h"
#include "base/errors.h"
#include "pipelines/queries/query.h"

namespace palimpsest::test {

// Letters a to h.
class LetterTokenizer : public Tokenizer {
 public:
  std::string kind() const override { return "letters"; }
  const CodeSpace& space() const override { return space_; }
  Layout layout(std::int64_t length) const override { return text_layout(length); }
  std::vector<Codes> encode(const std::vector<Media>& batch) const override {
    std::vector<Codes> codes;
    for (const Media& media : batch) {
      const std::string& letters = std::get<Text>(media).utf8;
      at::Tensor ids_L = at::empty({static_cast<std::int64_t>(letters.size())}, at::kLong);
      for (std::size_t i = 0; i < letters.size(); ++i) ids_L[static_cast<std::int64_t>(i)] = letters[i] - 'a';
      codes.push_back({ids_L, layout(ids_L.numel())});
    }
    return codes;
  }
  std::vector<Media> decode(const std::vector<Codes>& batch) const override {
    std::vector<Media> media;
    for (const Codes& codes : batch) {
      std::string letters;
      for (std::int64_t i = 0; i < codes.ids_L.numel(); ++i) {
        letters += static_cast<char>('a' + codes.ids_L[i].item<std::int64_t>());
      }
      media.emplace_back(Text{letters});
    }
    return media;
  }
  void save(const std::filesystem::path&) const override {}

 private:
  CodeSpace space_{"text", {8}};
};

// Pictures of 4x4 grey pixels at four levels, a pixel an id.
class PixelTokenizer : public Tokenizer {
 public:
  std::string kind() const override { return "pixels"; }
  const CodeSpace& space() const override { return space_; }
  Layout layout(std::int64_t length) const override {
    TORCH_CHECK(length == 16, "PixelTokenizer: a picture has 16 ids, got ", length);
    return grid_layout(4, 4);
  }
  std::vector<Codes> encode(const std::vector<Media>& batch) const override {
    std::vector<Codes> codes;
    for (const Media& media : batch) {
      const at::Tensor levels_HW = std::get<Image>(media).pixels_HWC.select(2, 0).div(64, "floor").to(at::kLong);
      codes.push_back({levels_HW.reshape({-1}), layout(16)});
    }
    return codes;
  }
  std::vector<Media> decode(const std::vector<Codes>& batch) const override {
    std::vector<Media> media;
    for (const Codes& codes : batch) {
      media.emplace_back(Image{(codes.ids_L.view({4, 4, 1}) * 64).to(at::kByte).expand({4, 4, 3}).contiguous()});
    }
    return media;
  }
  void save(const std::filesystem::path&) const override {}

 private:
  CodeSpace space_{"image", {4}};
};

// Sounds of six samples at three levels; two codebooks, so that odd samples have ids of their own.
class ToneTokenizer : public Tokenizer {
 public:
  std::string kind() const override { return "tones"; }
  const CodeSpace& space() const override { return space_; }
  Layout layout(std::int64_t length) const override { return frame_layout(length / 2, 2); }
  std::vector<Codes> encode(const std::vector<Media>& batch) const override {
    std::vector<Codes> codes;
    for (const Media& media : batch) {
      const at::Tensor level_N = std::get<Audio>(media).samples_N.add(1).round().to(at::kLong);
      codes.push_back({level_N + at::arange(level_N.numel(), at::kLong).remainder(2) * 3, layout(level_N.numel())});
    }
    return codes;
  }
  std::vector<Media> decode(const std::vector<Codes>& batch) const override {
    std::vector<Media> media;
    for (const Codes& codes : batch) media.emplace_back(Audio{codes.ids_L.remainder(3).to(at::kFloat).sub(1), 16'000});
    return media;
  }
  void save(const std::filesystem::path&) const override {}
  std::int64_t sample_rate() const override { return 16'000; }

 private:
  CodeSpace space_{"audio", {3, 3}};
};

inline RoleTokenizers tiny_tokenizers() {
  return {{"caption", std::make_shared<LetterTokenizer>()},
          {"picture", std::make_shared<PixelTokenizer>()},
          {"speech", std::make_shared<ToneTokenizer>()}};
}

// An elastic caption of at most 5 letters, a picture, and an elastic sound of at most 6 samples.
inline CanvasSchema tiny_schema() {
  const auto tokenizers = tiny_tokenizers();
  std::vector<CodeSpace> spaces;
  for (const auto& [role, tokenizer] : tokenizers) spaces.push_back(tokenizer->space());
  return CanvasSchema({{"caption", tokenizers.at("caption")->layout(5), true},
                       {"picture", tokenizers.at("picture")->layout(16), false},
                       {"speech", tokenizers.at("speech")->layout(6), true}},
                      Vocabulary(spaces));
}

// A transformer whose random weights are large enough that its distributions are far from flat.
inline std::shared_ptr<Transformer> tiny_transformer(const CanvasSchema& schema) {
  TransformerOptions options;
  options.width = 48;
  options.layers = 2;
  options.heads = 4;
  options.key_value_heads = 2;
  auto transformer = std::make_shared<Transformer>(options, schema, RandomKey::root(5));
  transformer->parameters().set_requires_grad(false);
  for (const auto& [name, value] : transformer->parameters().items()) {
    if (value.dim() == 2) at::Tensor(value).mul_(8);
  }
  return transformer;
}

inline DiffusionModel tiny_model() {
  const CanvasSchema schema = tiny_schema();
  return {tiny_transformer(schema), schema, {}};
}

}  // namespace palimpsest::test
