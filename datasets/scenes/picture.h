// Pictures of scenes, and scenes read back from pictures.
//
// Shapes: H rows, W columns (H = W), C channels (3), P pixels of a cell.
#pragma once

#include "base/random.h"
#include "datasets/scenes/scene.h"
#include "modalities/canvas/objects.h"
#include "modalities/media/media.h"

namespace palimpsest {

struct PictureForm {
  std::int64_t side = 64;  // pixels; at least kLeastCell a cell
  double jitter = 0.6;     // how much of the room that a cell leaves a thing may use, 0 in the middle to 1 all of it
};
inline constexpr std::int64_t kLeastCell = 12;

// The scene on white, anti-aliased; where in its cell each thing lies is drawn by the key. c10::Error when a cell is
// smaller than kLeastCell pixels.
Image draw_picture(const Scene& scene, const PictureForm& form, RandomKey key);

// Where draw_picture lays each thing of the scene, in their order: the box of the pixels that it touches.
std::vector<Box> picture_boxes(const Scene& scene, const PictureForm& form, RandomKey key);

// What a picture shows on a grid of so many cells a side. Each cell is read for itself: its thing lies where the colour
// that is not white has its centre of mass, and of all things, alone or with another inside, it is the one whose
// drawing there differs least (the likeliest under white noise). A cell is empty when what is there has less than half
// the strength of the thing it resembles. Exact on what draw_picture draws. c10::Error for a picture that is not
// square.
Scene read_picture(const Image& image, std::int64_t grid);

}  // namespace palimpsest
