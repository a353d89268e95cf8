#include "datasets/scenes/picture.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <optional>

#include "datasets/scenes/stamp.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kChannels = 3;

// The pixels that a cell touches, square, and its middle.
struct CellGeometry {
  CellGeometry(std::int64_t side, std::int64_t grid, std::int64_t row, std::int64_t column)
      : size(static_cast<double>(side) / static_cast<double>(grid)) {
    const auto begin = [this](std::int64_t place) { return static_cast<double>(place) * size; };
    middle_row = begin(row) + size / 2.0;
    middle_column = begin(column) + size / 2.0;
    patch.side = static_cast<std::int64_t>(std::ceil(size));
    patch.top = std::min(static_cast<std::int64_t>(begin(row)), side - patch.side);
    patch.left = std::min(static_cast<std::int64_t>(begin(column)), side - patch.side);
  }

  double size, middle_row, middle_column;
  Patch patch;
};

Rgb difference(const Rgb& a, const Rgb& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
double dot(const Rgb& a, const Rgb& b) {
  return static_cast<double>(a[0]) * b[0] + static_cast<double>(a[1]) * b[1] + static_cast<double>(a[2]) * b[2];
}

// What lies on a cell, less the ground.
struct CellPixels {
  std::vector<Rgb> colour_P;

  double energy() const {
    double sum = 0;
    for (const Rgb& pixel : colour_P) sum += dot(pixel, pixel);
    return sum;
  }
  Rgb weighted(const std::vector<float>& weight_P) const {
    Rgb sum{};
    for (std::size_t p = 0; p < colour_P.size(); ++p) {
      for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += weight_P[p] * colour_P[p][c];
    }
    return sum;
  }
};

double product(const std::vector<float>& a_P, const std::vector<float>& b_P) {
  double sum = 0;
  for (std::size_t p = 0; p < a_P.size(); ++p) sum += static_cast<double>(a_P[p]) * b_P[p];
  return sum;
}

// One stamp held against a cell: sum of A d and of A^2, for cover A and colours d.
struct FittedStamp {
  FittedStamp(Shape stamped, std::vector<float> stamp, const CellPixels& pixels)
      : shape(stamped), cover_P(std::move(stamp)), match(pixels.weighted(cover_P)), power(product(cover_P, cover_P)) {}

  Shape shape;
  std::vector<float> cover_P;
  Rgb match;
  double power;

  // Fall of the squared error when A u is taken off the pixels: 2 u . sum(A d) - |u|^2 sum(A^2).
  double gain(const Rgb& u) const { return 2.0 * dot(u, match) - dot(u, u) * power; }
};

struct Candidate {
  double gain = 0;
  double row = 0, column = 0;  // centre
  Thing thing;
  std::optional<Thing> inner;
};

class CellReader {
 public:
  CellReader(CellPixels pixels, const CellGeometry& cell)
      : pixels_(std::move(pixels)), cell_(cell), energy_(pixels_.energy()) {}

  // The thing, and what is inside it; none when the cell is empty. Where the centre of mass fits the pixels badly,
  // because what is inside has pulled it or there is noise, places beside it are tried too.
  std::vector<Thing> read() {
    if (!find_centre()) return {};
    try_place(row_, column_);
    for (const double step : {kStep, kStep / 2.0}) {
      const double row = best_.row, column = best_.column;
      for (std::int64_t beside = 0; beside < 9 && fits_badly(); ++beside)
        try_place(row + step * static_cast<double>(beside / 3 - 1),
                  column + step * static_cast<double>(beside % 3 - 1));
    }
    if (!present_) return {};
    std::vector<Thing> things{best_.thing};
    if (best_.inner) things.push_back(*best_.inner);
    return things;
  }

 private:
  bool fits_badly() const { return present_ && energy_ - best_.gain > kGoodFit * energy_; }

  bool find_centre() {
    double mass = 0, down = 0, across = 0;
    for (std::size_t p = 0; p < pixels_.colour_P.size(); ++p) {
      const double weight = std::sqrt(dot(pixels_.colour_P[p], pixels_.colour_P[p]));
      if (weight < kFaint) continue;
      const auto place = static_cast<std::int64_t>(p);
      mass += weight;
      down += weight * (static_cast<double>(cell_.patch.top + place / cell_.patch.side) + 0.5);
      across += weight * (static_cast<double>(cell_.patch.left + place % cell_.patch.side) + 0.5);
    }
    if (mass == 0) return false;
    row_ = down / mass;
    column_ = across / mass;
    return true;
  }

  void try_place(double row, double column) {
    row_ = row;
    column_ = column;
    const std::vector<FittedStamp> inner = stamps(kInsideRadius);
    for (const Size size : {Size::kSmall, Size::kLarge}) {
      for (const FittedStamp& stamp : stamps(radius_of(size))) try_stamp(stamp, size, inner);
    }
  }

  std::vector<FittedStamp> stamps(double radius) const {
    std::vector<FittedStamp> fitted;
    for (const Shape shape : kShapes)
      fitted.emplace_back(shape, stamp_P(shape, {row_, column_, radius * cell_.size}, cell_.patch), pixels_);
    return fitted;
  }

  void try_stamp(const FittedStamp& stamp, Size size, const std::vector<FittedStamp>& inner) {
    std::array<double, kNumColours> gains{};
    for (const auto& [colour, name] : enum_names(Colour{})) {
      const Rgb u = difference(rgb_of(colour), kGround);
      const double gain = gains[static_cast<std::size_t>(colour)] = stamp.gain(u);
      consider({gain, row_, column_, {stamp.shape, colour, size}, {}}, dot(u, u) * stamp.power);
    }
    if (size == Size::kSmall) return;
    for (const FittedStamp& inside : inner) try_inside(stamp, gains, inside);
  }

  // With v = inner colour - outer colour and inner cover B within A: the gain grows by 2 v . sum(B d) - |v|^2 sum(B^2)
  // - 2 u . v sum(A B).
  void try_inside(const FittedStamp& outer, const std::array<double, kNumColours>& gains, const FittedStamp& inner) {
    const double shared = product(outer.cover_P, inner.cover_P);
    for (const auto& [colour, name] : enum_names(Colour{})) {
      const Rgb u = difference(rgb_of(colour), kGround);
      for (const auto& [other, other_name] : enum_names(Colour{})) {
        if (other == colour) continue;
        const Rgb v = difference(rgb_of(other), rgb_of(colour));
        const double gain = gains[static_cast<std::size_t>(colour)] + inner.gain(v) - 2.0 * dot(u, v) * shared;
        consider({gain, row_, column_, {outer.shape, colour, Size::kLarge}, Thing{inner.shape, other, Size::kSmall}},
                 dot(u, u) * outer.power);
      }
    }
  }

  // A thing of amplitude a on nothing gains (2a - 1) of its own energy; it is there when a > (1 + kStrength) / 2.
  void consider(const Candidate& candidate, double energy) {
    if (candidate.gain <= best_.gain) return;
    best_ = candidate;
    present_ = candidate.gain > kStrength * energy;
  }

  static constexpr auto kShapes =
      std::array{Shape::kCircle, Shape::kSquare, Shape::kTriangle, Shape::kDiamond, Shape::kCross, Shape::kStar};
  static constexpr double kFaint = 40.0;  // of 441 from white to black: less is taken for white
  static constexpr double kStrength = 0.25;
  static constexpr double kGoodFit = 0.002;  // of the energy: what rounding leaves is less
  static constexpr double kStep = 0.16;      // pixels

  CellPixels pixels_;
  const CellGeometry& cell_;
  double energy_ = 0, row_ = 0, column_ = 0;
  Candidate best_;
  bool present_ = false;
};

// Pixels of the patch less the ground; white where they are another cell's, which non-integer cells share.
CellPixels cut(const at::Tensor& pixels_HWC, const CellGeometry& cell) {
  const auto view = pixels_HWC.accessor<std::uint8_t, 3>();
  CellPixels pixels;
  for (std::int64_t row = cell.patch.top; row < cell.patch.top + cell.patch.side; ++row) {
    for (std::int64_t column = cell.patch.left; column < cell.patch.left + cell.patch.side; ++column) {
      const bool own = std::abs(static_cast<double>(row) + 0.5 - cell.middle_row) <= cell.size / 2.0 + 0.5 &&
                       std::abs(static_cast<double>(column) + 0.5 - cell.middle_column) <= cell.size / 2.0 + 0.5;
      Rgb colour{};
      for (std::int64_t c = 0; own && c < kChannels; ++c)
        colour[static_cast<std::size_t>(c)] =
            static_cast<float>(view[row][column][c]) - kGround[static_cast<std::size_t>(c)];
      pixels.colour_P.push_back(colour);
    }
  }
  return pixels;
}

// image += A (colour - image) over the patch.
void lay(std::vector<Rgb>& image, std::int64_t side, const std::vector<float>& cover_P, const Patch& patch,
         const Rgb& colour) {
  for (std::int64_t p = 0; p < patch.side * patch.side; ++p) {
    Rgb& pixel = image[static_cast<std::size_t>((patch.top + p / patch.side) * side + patch.left + p % patch.side)];
    const float cover = cover_P[static_cast<std::size_t>(p)];
    for (std::size_t c = 0; c < pixel.size(); ++c) pixel[c] += cover * (colour[c] - pixel[c]);
  }
}

Image to_image(const std::vector<Rgb>& image, std::int64_t side) {
  at::Tensor pixels_HWC = at::empty({side, side, kChannels}, at::kByte);
  auto* bytes = pixels_HWC.data_ptr<std::uint8_t>();
  for (const Rgb& pixel : image) {
    for (const float level : pixel) *bytes++ = static_cast<std::uint8_t>(std::lround(level));
  }
  return {pixels_HWC};
}

}  // namespace

namespace {

// A thing of a scene, as it is laid on the picture.
struct LaidThing {
  std::vector<float> cover_P;
  Patch patch;
  Rgb colour;
};

std::vector<LaidThing> laid_things(const Scene& scene, const PictureForm& form, RandomKey key) {
  TORCH_CHECK(form.side >= kLeastCell * scene.grid, "draw_picture: at least ", kLeastCell, " pixels a cell, got ",
              form.side, " for ", scene.grid, " cells");
  std::vector<LaidThing> laid;
  double down = 0, right = 0;  // of what stands in the cell, and so of what is inside it
  for (std::size_t i = 0; i < scene.things.size(); ++i) {
    const Thing& thing = scene.things[i];
    const CellGeometry cell(form.side, scene.grid, thing.row, thing.column);
    const double radius = thing.inside ? kInsideRadius : radius_of(thing.size);
    if (!thing.inside) {
      const double room = form.jitter * (0.5 - radius) * cell.size;
      down = room * (2.0 * key.uniform(2 * i) - 1.0);
      right = room * (2.0 * key.uniform(2 * i + 1) - 1.0);
    }
    const Place place{cell.middle_row + down, cell.middle_column + right, radius * cell.size};
    laid.push_back({stamp_P(thing.shape, place, cell.patch), cell.patch, rgb_of(thing.colour)});
  }
  return laid;
}

// Of the pixels that are covered at all, in fractions of the side.
Box box_of(const LaidThing& thing, std::int64_t side) {
  std::int64_t top = side, left = side, bottom = 0, right = 0;
  for (std::int64_t p = 0; p < thing.patch.side * thing.patch.side; ++p) {
    if (thing.cover_P[static_cast<std::size_t>(p)] <= 0) continue;
    const std::int64_t row = thing.patch.top + p / thing.patch.side, column = thing.patch.left + p % thing.patch.side;
    top = std::min(top, row);
    left = std::min(left, column);
    bottom = std::max(bottom, row + 1);
    right = std::max(right, column + 1);
  }
  const auto share = [side](std::int64_t pixel) { return static_cast<double>(pixel) / static_cast<double>(side); };
  return {share(top), share(left), share(bottom), share(right)};
}

}  // namespace

Image draw_picture(const Scene& scene, const PictureForm& form, RandomKey key) {
  std::vector<Rgb> image(static_cast<std::size_t>(form.side * form.side), kGround);
  for (const LaidThing& thing : laid_things(scene, form, key))
    lay(image, form.side, thing.cover_P, thing.patch, thing.colour);
  return to_image(image, form.side);
}

std::vector<Box> picture_boxes(const Scene& scene, const PictureForm& form, RandomKey key) {
  std::vector<Box> boxes;
  for (const LaidThing& thing : laid_things(scene, form, key)) boxes.push_back(box_of(thing, form.side));
  return boxes;
}

Scene read_picture(const Image& image, std::int64_t grid) {
  const at::Tensor pixels_HWC = image.pixels_HWC.contiguous();
  const std::int64_t side = pixels_HWC.size(0);
  TORCH_CHECK(side == pixels_HWC.size(1) && side >= grid && grid > 0, "read_picture: a square picture of at least ",
              grid, " pixels is needed, got ", pixels_HWC.sizes());
  Scene scene{grid, {}};
  for (std::int64_t row = 0; row < grid; ++row) {
    for (std::int64_t column = 0; column < grid; ++column) {
      const CellGeometry cell(side, grid, row, column);
      for (Thing thing : CellReader(cut(pixels_HWC, cell), cell).read()) {
        thing.row = row;
        thing.column = column;
        thing.inside =
            scene.things.size() > 0 && scene.things.back().row == row && scene.things.back().column == column;
        scene.things.push_back(thing);
      }
    }
  }
  return scene;
}

}  // namespace palimpsest
