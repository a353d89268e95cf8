// Shapes: H rows, W columns, C channels (3), P looked-at pixels.
#include <cmath>

#include "datasets/prepare/measures.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kLookedAt = 256;  // rows and columns of the grid of pixels that are looked at, at most

template <double (*measure)(double rows, double columns)>
MeasureFunction of_size(const std::string& of) {
  refuse_argument(of);
  return [](const Media& media) {
    const at::Tensor& pixels_HWC = std::get<Image>(media).pixels_HWC;
    return measure(static_cast<double>(pixels_HWC.size(0)), static_cast<double>(pixels_HWC.size(1)));
  };
}

double rows_of(double rows, double) { return rows; }
double columns_of(double, double columns) { return columns; }
double shorter_side(double rows, double columns) { return std::min(rows, columns); }
double longer_side(double rows, double columns) { return std::max(rows, columns); }
double pixels_of(double rows, double columns) { return rows * columns; }
double aspect(double rows, double columns) { return longer_side(rows, columns) / shorter_side(rows, columns); }

// Every n-th row and column, uint8 [P,C].
at::Tensor looked_at_PC(const Media& media) {
  const at::Tensor& pixels_HWC = std::get<Image>(media).pixels_HWC;
  const auto step = [](std::int64_t length) { return (length + kLookedAt - 1) / kLookedAt; };
  const at::Tensor grid_HWC = pixels_HWC.slice(0, 0, pixels_HWC.size(0), step(pixels_HWC.size(0)))
                                  .slice(1, 0, pixels_HWC.size(1), step(pixels_HWC.size(1)));
  return grid_HWC.reshape({-1, 3}).contiguous();
}

MeasureFunction contrast(const std::string& of) {
  refuse_argument(of);
  return [](const Media& media) {
    const at::Tensor luminance_P = looked_at_PC(media).to(at::kFloat).matmul(at::tensor({0.299f, 0.587f, 0.114f}));
    return luminance_P.std(/*unbiased=*/false).item<double>();
  };
}

MeasureFunction blank(const std::string& of) {
  refuse_argument(of);
  return [](const Media& media) {
    const at::Tensor pixels_PC = looked_at_PC(media);
    const std::uint8_t* bytes = pixels_PC.const_data_ptr<std::uint8_t>();
    std::vector<std::uint32_t> colours(static_cast<std::size_t>(pixels_PC.size(0)));
    for (std::size_t pixel = 0; pixel < colours.size(); ++pixel, bytes += 3)
      colours[pixel] = static_cast<std::uint32_t>(bytes[0] << 16 | bytes[1] << 8 | bytes[2]);
    std::sort(colours.begin(), colours.end());
    std::int64_t longest = 0;
    for (auto begin = colours.begin(); begin != colours.end();) {
      const auto end = std::upper_bound(begin, colours.end(), *begin);
      longest = std::max<std::int64_t>(longest, end - begin);
      begin = end;
    }
    return static_cast<double>(longest) / static_cast<double>(colours.size());
  };
}

}  // namespace

const std::vector<Measure>& image_measures() {
  static const std::vector<Measure> measures{
      {"rows", "image", "height, pixels", "", of_size<rows_of>},
      {"columns", "image", "width, pixels", "", of_size<columns_of>},
      {"shorter-side", "image", "pixels of the shorter side", "DataComp, arXiv 2304.14108: at least 200",
       of_size<shorter_side>},
      {"longer-side", "image", "pixels of the longer side", "", of_size<longer_side>},
      {"pixels", "image", "height times width", "", of_size<pixels_of>},
      {"aspect", "image", "longer side over shorter side", "DataComp, arXiv 2304.14108: at most 3", of_size<aspect>},
      {"contrast", "image", "standard deviation of luminance (BT.601), 0 to 127.5; 0 is a constant picture", "",
       contrast},
      {"blank", "image", "share of the commonest colour, 0 to 1; 1 is a constant picture", "", blank},
  };
  return measures;
}

}  // namespace palimpsest
