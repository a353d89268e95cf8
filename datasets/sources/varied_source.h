// Variants of a sample: its pictures moved, scaled, turned and toned, its text spoken once more.
#pragma once

#include "base/random.h"
#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"
#include "modalities/canvas/objects.h"

namespace palimpsest {

// Key of a variant, from 1; variant 0 is the sample itself, under its own key.
std::string variant_key(const std::string& key, std::int64_t variant);

// After each sample its variants, each a pure function of its key; boxes of things move with their pictures. A sample
// that could not be read fails once a variant, so that the counts add up.
std::unique_ptr<Source> varied_source(std::unique_ptr<Source> samples, const VariationOptions& options);

// The picture moved, scaled and turned about its middle on white, then toned so that white stays white: same size.
Image vary_image(const Image& image, const VariationOptions& options, RandomKey key);

// Boxes around where vary_image moves what the boxes hold, cut at the picture's edges; those that leave it are dropped.
std::vector<Box> vary_boxes(const std::vector<Box>& boxes, const VariationOptions& options, RandomKey key);

}  // namespace palimpsest
