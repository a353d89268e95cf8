#include "modalities/media/contact_sheet.h"

#include <ATen/ops/full.h>

namespace palimpsest {

namespace {

constexpr std::int64_t kPaper = 255;

at::Tensor enlarged_HWC(const at::Tensor& pixels_HWC, std::int64_t scale) {
  return pixels_HWC.repeat_interleave(scale, 0).repeat_interleave(scale, 1);
}

}  // namespace

Image contact_sheet(const std::vector<Image>& pictures, const SheetOptions& options) {
  TORCH_CHECK(!pictures.empty(), "contact_sheet: no pictures");
  const auto count = static_cast<std::int64_t>(pictures.size());
  const at::Tensor& first_HWC = pictures.front().pixels_HWC;
  const std::int64_t columns = std::min(options.columns, count), rows = (count + columns - 1) / columns;
  const std::int64_t height = first_HWC.size(0) * options.scale, width = first_HWC.size(1) * options.scale;
  const std::int64_t down = height + options.gap, across = width + options.gap;
  at::Tensor sheet_HWC = at::full({rows * down + options.gap, columns * across + options.gap, 3}, kPaper, at::kByte);
  for (std::int64_t i = 0; i < count; ++i) {
    const at::Tensor& pixels_HWC = pictures[static_cast<std::size_t>(i)].pixels_HWC;
    TORCH_CHECK(pixels_HWC.sizes() == first_HWC.sizes(), "contact_sheet: pictures of one size are needed, got ",
                first_HWC.sizes(), " and ", pixels_HWC.sizes());
    sheet_HWC.narrow(0, options.gap + i / columns * down, height)
        .narrow(1, options.gap + i % columns * across, width)
        .copy_(enlarged_HWC(pixels_HWC, options.scale));
  }
  return {sheet_HWC};
}

}  // namespace palimpsest
