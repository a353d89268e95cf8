#include "datasets/scenes/stamp.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace palimpsest {

namespace {

constexpr double kSquareHalf = 0.82, kCrossArm = 0.36, kCrossHalf = 0.92;
constexpr std::size_t kStarPoints = 5;
constexpr double kStarWaist = 0.5;  // distance of the inner corners from the middle

// Is the point of the star with one tip up? By the edge from the nearest tip to the corner beside it.
bool in_star(double x, double y) {
  static const auto tips = [] {
    std::array<std::array<double, 2>, kStarPoints> directions{};
    for (std::size_t tip = 0; tip < kStarPoints; ++tip) {
      const double angle = 2.0 * std::numbers::pi * static_cast<double>(tip) / kStarPoints;
      directions[tip] = {std::sin(angle), -std::cos(angle)};
    }
    return directions;
  }();
  static const double corner_along = kStarWaist * std::cos(std::numbers::pi / kStarPoints);
  static const double corner_across = kStarWaist * std::sin(std::numbers::pi / kStarPoints);
  double along = 0.0, across = 0.0;
  for (const auto& [right, down] : tips) {
    const double reach = x * right + y * down;
    if (reach < along) continue;
    along = reach;
    across = std::abs(x * down - y * right);
  }
  return (1.0 - along) * corner_across >= across * (1.0 - corner_along);
}

// Is the point (y downwards) of a shape of extent 1?
bool in_shape(Shape shape, double x, double y) {
  const double least = std::min(std::abs(x), std::abs(y)), most = std::max(std::abs(x), std::abs(y));
  switch (shape) {
    case Shape::kCircle:
      return x * x + y * y <= 0.92;
    case Shape::kSquare:
      return most <= kSquareHalf;
    case Shape::kTriangle:  // equilateral, about its centre of mass
      return y <= 0.5 && std::abs(x) * std::numbers::sqrt3 <= y + 1.0;
    case Shape::kDiamond:
      return least + most <= 1.0;
    case Shape::kCross:
      return least <= kCrossArm && most <= kCrossHalf;
    case Shape::kStar:
      return in_star(x, y);
  }
  return false;
}

}  // namespace

double radius_of(Size size) { return size == Size::kLarge ? 0.44 : 0.26; }

std::vector<float> stamp_P(Shape shape, const Place& place, const Patch& patch) {
  std::vector<float> cover_P(static_cast<std::size_t>(patch.side * patch.side));
  const double unit = 1.0 / place.radius, step = unit / kSubpixels;
  for (std::int64_t pixel = 0; pixel < patch.side * patch.side; ++pixel) {
    const double down = (static_cast<double>(patch.top + pixel / patch.side) - place.row) * unit;
    const double right = (static_cast<double>(patch.left + pixel % patch.side) - place.column) * unit;
    if (std::max(std::abs(down + unit / 2.0), std::abs(right + unit / 2.0)) > 1.0 + unit / 2.0) continue;
    std::int64_t inside = 0;
    for (std::int64_t point = 0; point < kSubpixels * kSubpixels; ++point) {
      inside += in_shape(shape, right + (static_cast<double>(point % kSubpixels) + 0.5) * step,
                         down + (static_cast<double>(point / kSubpixels) + 0.5) * step);
    }
    cover_P[static_cast<std::size_t>(pixel)] = static_cast<float>(inside) / (kSubpixels * kSubpixels);
  }
  return cover_P;
}

Rgb rgb_of(Colour colour) {
  switch (colour) {
    case Colour::kRed:
      return {220, 40, 40};
    case Colour::kOrange:
      return {245, 140, 20};
    case Colour::kYellow:
      return {240, 215, 30};
    case Colour::kGreen:
      return {40, 150, 60};
    case Colour::kCyan:
      return {60, 200, 220};
    case Colour::kBlue:
      return {40, 80, 215};
    case Colour::kPurple:
      return {140, 50, 180};
    case Colour::kBlack:
      return {25, 25, 25};
  }
  return kGround;
}

}  // namespace palimpsest
