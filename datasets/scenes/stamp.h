// Stamps: how much of each pixel a shape covers.
//
// Shapes: P pixels of a square patch, row by row.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "datasets/scenes/scene.h"

namespace palimpsest {

// Half the extent of what stands in a cell, or is inside another, in cells.
double radius_of(Size size);
inline constexpr double kInsideRadius = 0.17;

// A square of pixels of a picture.
struct Patch {
  std::int64_t top = 0, left = 0, side = 0;  // pixels
};

struct Place {
  double row = 0, column = 0, radius = 0;  // centre and half the extent, pixels
};

// Cover [0,1] of each pixel of the patch by the shape, from a grid of kSubpixels^2 points a pixel. The centre of a
// shape is its centre of mass.
inline constexpr std::int64_t kSubpixels = 4;
std::vector<float> stamp_P(Shape shape, const Place& place, const Patch& patch);

using Rgb = std::array<float, 3>;
Rgb rgb_of(Colour colour);
inline constexpr Rgb kGround{255.0f, 255.0f, 255.0f};

}  // namespace palimpsest
