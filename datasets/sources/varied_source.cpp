// Shapes: H rows, W columns, C channels (3).
#include "datasets/sources/varied_source.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>

namespace palimpsest {

namespace {

constexpr double kWhite = 255.0;
constexpr double kRed = 0.299, kGreen = 0.587, kBlue = 0.114;  // of luminance (BT.601)

// A sample that several variants need and whichever comes first finishes.
struct SharedResult {
  std::string key;
  std::once_flag once;
  ReadResult result;
};

class VariedSource : public Source {
 public:
  VariedSource(std::unique_ptr<Source> samples, const VariationOptions& options)
      : samples_(std::move(samples)), options_(options) {}

  std::optional<ReadResult> next() override {
    if (!original_) {
      auto result = samples_->next();
      if (!result) return std::nullopt;
      original_ = std::make_shared<SharedResult>();
      original_->key = result->sample.key;
      original_->result = std::move(*result);
    }
    ReadResult result = variant_of(original_, variant_++);
    if (variant_ > options_.copies) {
      variant_ = 0;
      original_ = nullptr;
    }
    return result;
  }

 private:
  ReadResult variant_of(const std::shared_ptr<SharedResult>& original, std::int64_t variant) const {
    ReadResult result{{variant_key(original->key, variant), {}, {}}, ""};
    result.steps.push_back([options = options_, original, key = result.sample.key, variant](ReadResult& made) {
      std::call_once(original->once, [&] { finish(original->result); });
      made = original->result;
      made.sample.key = key;
      made.origin = original->key;
      if (made.fine() && variant > 0) vary(made.sample, options);
    });
    return result;
  }

  static void vary(Sample& sample, const VariationOptions& options) {
    const RandomKey key = RandomKey::root(0).fold("variation").fold(sample.key);
    const bool has_boxes = sample.meta.is_object() && sample.meta.contains(kObjectsKey);
    RoleBoxes boxes = has_boxes ? boxes_from_json(sample.meta[kObjectsKey], sample.key) : RoleBoxes();
    for (auto& [role, media] : sample.roles) {
      const Image* picture = std::get_if<Image>(&media);
      if (picture == nullptr) continue;
      media = vary_image(*picture, options, key.fold(role));
      boxes[role] = vary_boxes(boxes[role], options, key.fold(role));
    }
    if (has_boxes) sample.meta[kObjectsKey] = to_json(boxes);
  }

  std::unique_ptr<Source> samples_;
  VariationOptions options_;
  std::int64_t variant_ = 0;  // that comes next
  std::shared_ptr<SharedResult> original_;
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

// Where a point of the picture, in coordinates of [-1,1], is moved to: the inverse of the placement.
struct Moved {
  double across, down;
};
Moved move_point(const float* placement, double across, double down) {
  const double a = placement[0], b = placement[1], c = placement[3], d = placement[4];
  const double x = across - placement[2], y = down - placement[5], determinant = a * d - b * c;
  return {(d * x - b * y) / determinant, (a * y - c * x) / determinant};
}

Box move_box(const Box& box, const float* placement) {
  Box moved{1, 1, 0, 0};
  for (const double row : {box.top, box.bottom}) {
    for (const double column : {box.left, box.right}) {
      const Moved to = move_point(placement, 2 * column - 1, 2 * row - 1);
      moved.top = std::min(moved.top, (to.down + 1) / 2);
      moved.bottom = std::max(moved.bottom, (to.down + 1) / 2);
      moved.left = std::min(moved.left, (to.across + 1) / 2);
      moved.right = std::max(moved.right, (to.across + 1) / 2);
    }
  }
  return {std::max(0.0, moved.top), std::max(0.0, moved.left), std::min(1.0, moved.bottom), std::min(1.0, moved.right)};
}

}  // namespace

std::string variant_key(const std::string& key, std::int64_t variant) {
  return variant == 0 ? key : key + "~" + std::to_string(variant);
}

std::unique_ptr<Source> varied_source(std::unique_ptr<Source> samples, const VariationOptions& options) {
  return std::make_unique<VariedSource>(std::move(samples), options);
}

std::vector<Box> vary_boxes(const std::vector<Box>& boxes, const VariationOptions& options, RandomKey key) {
  const at::Tensor where = placement(options, key);
  std::vector<Box> moved;
  for (const Box& box : boxes) {
    const Box now = move_box(box, where.const_data_ptr<float>());
    if (now.top < now.bottom && now.left < now.right) moved.push_back(now);
  }
  return moved;
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
