// Line plots as inline SVG: a few series over a common x axis.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace palimpsest {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x ascending; points that are not finite are left out
};

struct PlotOptions {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::int64_t width = 480, height = 270;  // in SVG units
};

// Round numbers that cover [low, high]: at most `most` + 1 of them, steps of 1, 2 or 5 times a power of ten.
std::vector<double> axis_ticks(double low, double high, int most);

// Axes with ticks, one polyline a series, the last value of each written beside its name in the legend. Long series are
// thinned to the mean of equal stretches. c10::Error when no series has a point.
std::string line_plot(const PlotOptions& options, const std::vector<Series>& series);

}  // namespace palimpsest
