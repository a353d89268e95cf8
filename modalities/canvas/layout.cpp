#include "modalities/canvas/layout.h"

#include <numeric>

namespace palimpsest {

namespace {

std::int32_t* int32_data(at::Tensor& tensor) { return tensor.data_ptr<std::int32_t>(); }

}  // namespace

std::int64_t Layout::length() const { return coordinates_LA.defined() ? coordinates_LA.size(0) : 0; }

void Layout::validate() const {
  TORCH_CHECK(!modality.empty(), "Layout: a modality has a name");
  TORCH_CHECK(coordinates_LA.defined() && coordinates_LA.scalar_type() == at::kInt, "Layout: coordinates are int32");
  TORCH_CHECK(coordinates_LA.dim() == 2 && coordinates_LA.size(1) == kAxes, "Layout: coordinates have shape [L,", kAxes,
              "], got ", coordinates_LA.sizes());
  TORCH_CHECK(length() == 0 || coordinates_LA.min().item<std::int32_t>() >= 0, "Layout: coordinates are not negative");
}

std::int64_t CodeSpace::size() const {
  return std::accumulate(sub_range_sizes.begin(), sub_range_sizes.end(), std::int64_t{0});
}

std::int64_t CodeSpace::sub_range_of(std::int64_t depth) const {
  const auto count = static_cast<std::int64_t>(sub_range_sizes.size());
  if (count == 1) return 0;
  TORCH_CHECK(depth >= 0 && depth < count, "CodeSpace: ", modality, " has ", count, " depths, got depth ", depth);
  return depth;
}

std::int64_t CodeSpace::sub_range_begin(std::int64_t sub_range) const {
  const auto count = static_cast<std::int64_t>(sub_range_sizes.size());
  TORCH_CHECK(sub_range >= 0 && sub_range < count, "CodeSpace: ", modality, " has ", count, " sub-ranges, got ",
              sub_range);
  return std::accumulate(sub_range_sizes.begin(), sub_range_sizes.begin() + sub_range, std::int64_t{0});
}

Layout text_layout(std::int64_t length, const std::string& modality) {
  Layout layout{modality, at::zeros({length, kAxes}, at::kInt)};
  std::int32_t* coordinates = int32_data(layout.coordinates_LA);
  for (std::int64_t i = 0; i < length; ++i) coordinates[i * kAxes + 1] = static_cast<std::int32_t>(i);
  return layout;
}

Layout grid_layout(std::int64_t rows, std::int64_t columns, const std::string& modality) {
  Layout layout{modality, at::zeros({rows * columns, kAxes}, at::kInt)};
  std::int32_t* coordinates = int32_data(layout.coordinates_LA);
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    coordinates[i * kAxes + 1] = static_cast<std::int32_t>(i / columns);
    coordinates[i * kAxes + 2] = static_cast<std::int32_t>(i % columns);
  }
  return layout;
}

Layout frame_layout(std::int64_t frames, std::int64_t codebooks, const std::string& modality) {
  Layout layout{modality, at::zeros({frames * codebooks, kAxes}, at::kInt)};
  std::int32_t* coordinates = int32_data(layout.coordinates_LA);
  for (std::int64_t i = 0; i < frames * codebooks; ++i) {
    coordinates[i * kAxes + 0] = static_cast<std::int32_t>(i % codebooks);
    coordinates[i * kAxes + 1] = static_cast<std::int32_t>(i / codebooks);
  }
  return layout;
}

}  // namespace palimpsest
