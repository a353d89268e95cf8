// Shapes: H rows, W columns, C channels (3).
#include "datasets/sources/varied_source.h"

#include <cmath>
#include <deque>
#include <numbers>

namespace palimpsest {

namespace {

constexpr double kWhite = 255.0;
constexpr double kRed = 0.299, kGreen = 0.587, kBlue = 0.114;  // of luminance (BT.601)

class VariedSource : public Source {
 public:
  VariedSource(std::unique_ptr<Source> samples, const VariationOptions& options, SkippedKeys done)
      : samples_(std::move(samples)), options_(options), done_(std::move(done)) {}

  std::optional<ReadResult> next() override {
    while (waiting_.empty()) {
      auto result = samples_->next();
      if (!result) return std::nullopt;
      for (std::int64_t variant = 0; variant <= options_.copies; ++variant) keep_unless_done(*result, variant);
    }
    ReadResult result = std::move(waiting_.front());
    waiting_.pop_front();
    return result;
  }

 private:
  void keep_unless_done(const ReadResult& original, std::int64_t variant) {
    ReadResult result = original;
    result.sample.key = variant_key(original.sample.key, variant);
    const auto done = done_.find(result.sample.key);
    if (done != done_.end() && done->second-- > 0) return;
    if (variant > 0) {
      const RandomKey key = RandomKey::root(0).fold("variation").fold(result.sample.key);
      for (auto& [role, media] : result.sample.roles) {
        if (const Image* picture = std::get_if<Image>(&media)) media = vary_image(*picture, options_, key.fold(role));
      }
    }
    waiting_.push_back(std::move(result));
  }

  std::unique_ptr<Source> samples_;
  VariationOptions options_;
  SkippedKeys done_;
  std::deque<ReadResult> waiting_;
};

// Where each output pixel comes from, in coordinates of [-1,1]: rotation and scale about the middle, then a shift.
// [1,2,3]
at::Tensor placement(const VariationOptions& options, RandomKey key) {
  const auto between = [&key](double limit, std::uint64_t draw) { return limit * (2.0 * key.uniform(draw) - 1.0); };
  const double angle = between(options.turn, 0) * std::numbers::pi / 180.0;
  const double shrink = std::exp(between(options.scale, 1));
  const double cosine = shrink * std::cos(angle), sine = shrink * std::sin(angle);
  const double across = 2.0 * between(options.shift, 2), down = 2.0 * between(options.shift, 3);
  return at::tensor({cosine, -sine, across, sine, cosine, down}, at::kFloat).view({1, 2, 3});
}

// p -> 255 (p/255)^gamma, then a mix with its grey.
at::Tensor toned_HWC(const at::Tensor& pixels_HWC, double tone, RandomKey key) {
  const auto between = [&](std::uint64_t draw) { return std::exp(tone * (2.0 * key.uniform(draw) - 1.0)); };
  const at::Tensor bent_HWC = (pixels_HWC / kWhite).clamp(0.0, 1.0).pow(between(4)) * kWhite;
  const at::Tensor grey_HW1 =
      bent_HWC.select(2, 0) * kRed + bent_HWC.select(2, 1) * kGreen + bent_HWC.select(2, 2) * kBlue;
  const double saturation = between(5);
  return bent_HWC * saturation + grey_HW1.unsqueeze(2) * (1.0 - saturation);
}

}  // namespace

std::string variant_key(const std::string& key, std::int64_t variant) {
  return variant == 0 ? key : key + "~" + std::to_string(variant);
}

SkippedKeys finished_samples(const SkippedKeys& done, const VariationOptions& options) {
  const std::string last = options.copies == 0 ? "" : "~" + std::to_string(options.copies);
  SkippedKeys finished;
  for (const auto& [key, times] : done) {
    if (key.ends_with(last)) finished[key.substr(0, key.size() - last.size())] = times;
  }
  return finished;
}

std::unique_ptr<Source> varied_source(std::unique_ptr<Source> samples, const VariationOptions& options,
                                      const SkippedKeys& done) {
  return std::make_unique<VariedSource>(std::move(samples), options, done);
}

Image vary_image(const Image& image, const VariationOptions& options, RandomKey key) {
  const at::Tensor pixels_HWC = image.pixels_HWC.to(at::kFloat);
  const at::Tensor below_white = (pixels_HWC - kWhite).permute({2, 0, 1}).unsqueeze(0);  // what lies outside is white
  const at::Tensor grid =
      at::affine_grid_generator(placement(options, key), below_white.sizes(), /*align_corners=*/false);
  const at::Tensor moved = at::grid_sampler(below_white, grid, /*bilinear*/ 0, /*zeros*/ 0, /*align_corners=*/false);
  const at::Tensor moved_HWC = moved.squeeze(0).permute({1, 2, 0}) + kWhite;
  return {toned_HWC(moved_HWC, options.tone, key).round().clamp(0.0, kWhite).to(at::kByte).contiguous()};
}

}  // namespace palimpsest
