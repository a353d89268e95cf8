#include "experiments/report/svg_plot.h"

#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>

#include "experiments/report/html.h"

namespace palimpsest {

namespace {

constexpr std::size_t kMostPoints = 240;
constexpr double kLeft = 52, kRight = 14, kTop = 46, kBottom = 40;
constexpr const char* kColours[] = {"#a8442a", "#2c6e8f", "#5f8a3a", "#8a5fa8", "#b8862b", "#444c5c"};

std::string number(double value, int digits = 4) {
  std::ostringstream out;
  out << std::setprecision(digits) << value;
  return out.str();
}

std::string colour(std::size_t index) { return kColours[index % std::size(kColours)]; }

std::vector<std::pair<double, double>> thinned(const Series& series) {
  std::vector<std::pair<double, double>> finite;
  for (const auto& point : series.points) {
    if (std::isfinite(point.first) && std::isfinite(point.second)) finite.push_back(point);
  }
  const std::size_t stretch = (finite.size() + kMostPoints - 1) / kMostPoints;
  if (stretch <= 1) return finite;
  std::vector<std::pair<double, double>> means;
  for (std::size_t begin = 0; begin < finite.size(); begin += stretch) {
    const std::size_t end = std::min(finite.size(), begin + stretch);
    double x = 0, y = 0;
    for (std::size_t i = begin; i < end; ++i) x += finite[i].first, y += finite[i].second;
    means.emplace_back(x / static_cast<double>(end - begin), y / static_cast<double>(end - begin));
  }
  return means;
}

// Where values fall inside the plot's frame.
struct Frame {
  double x_low, x_high, y_low, y_high, width, height;
  std::vector<double> y_ticks{};

  double x(double value) const { return kLeft + (value - x_low) / (x_high - x_low) * (width - kLeft - kRight); }
  double y(double value) const {
    return height - kBottom - (value - y_low) / (y_high - y_low) * (height - kTop - kBottom);
  }
};

Frame frame_of(const PlotOptions& options, const std::vector<Series>& series) {
  const double infinite = std::numeric_limits<double>::infinity();
  Frame frame{infinite,
              -infinite,
              infinite,
              -infinite,
              static_cast<double>(options.width),
              static_cast<double>(options.height)};
  for (const Series& one : series) {
    for (const auto& [x, y] : one.points) {
      frame.x_low = std::min(frame.x_low, x), frame.x_high = std::max(frame.x_high, x);
      frame.y_low = std::min(frame.y_low, y), frame.y_high = std::max(frame.y_high, y);
    }
  }
  TORCH_CHECK(frame.x_low <= frame.x_high, "line_plot: no series has a point");
  if (frame.x_high == frame.x_low) frame.x_high += 1;
  frame.y_ticks = axis_ticks(frame.y_low, frame.y_high, 5);
  frame.y_low = frame.y_ticks.front(), frame.y_high = frame.y_ticks.back();
  return frame;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& size = "11") {
  return element(
      "text", {{"x", number(x)}, {"y", number(y)}, {"font-size", size}, {"fill", "#5c667a"}, {"text-anchor", anchor}},
      escape_html(text));
}

std::string rule(double x1, double y1, double x2, double y2, const std::string& stroke) {
  return void_element(
      "line", {{"x1", number(x1)}, {"y1", number(y1)}, {"x2", number(x2)}, {"y2", number(y2)}, {"stroke", stroke}});
}

std::string axes(const PlotOptions& options, const Frame& frame) {
  const double bottom = frame.height - kBottom, right = frame.width - kRight;
  std::string svg;
  for (const double tick : frame.y_ticks) {
    svg += rule(kLeft, frame.y(tick), right, frame.y(tick), "#e2e6ee") +
           text_at(kLeft - 7, frame.y(tick) + 4, "end", number(tick));
  }
  for (const double tick : axis_ticks(frame.x_low, frame.x_high, 6)) {
    if (tick < frame.x_low || tick > frame.x_high) continue;
    svg += text_at(frame.x(tick), bottom + 16, "middle", number(tick, 6));
  }
  svg += rule(kLeft, bottom, right, bottom, "#8b94a6");
  return svg + text_at(right, frame.height - 6, "end", options.x_label) +
         text_at(4, kTop - 10, "start", options.y_label);
}

std::string curve(const Series& series, const Frame& frame, const std::string& stroke) {
  std::string path;
  for (const auto& [x, y] : series.points)
    path += (path.empty() ? "" : " ") + number(frame.x(x), 5) + "," + number(frame.y(y), 5);
  return void_element(
      "polyline",
      {{"points", path}, {"fill", "none"}, {"stroke", stroke}, {"stroke-width", "1.8"}, {"stroke-linejoin", "round"}});
}

std::string legend(const std::vector<Series>& series, const Frame& frame) {
  std::string svg;
  double x = frame.width - kRight;
  for (std::size_t i = series.size(); i-- > 0;) {
    if (series[i].points.empty()) continue;
    const std::string label = series[i].name + " " + number(series[i].points.back().second, 3);
    svg += element("text",
                   {{"x", number(x)},
                    {"y", number(kTop - 10)},
                    {"font-size", "11.5"},
                    {"font-weight", "600"},
                    {"fill", colour(i)},
                    {"text-anchor", "end"}},
                   escape_html(label));
    x -= 6.6 * static_cast<double>(label.size()) + 14;
  }
  return svg;
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int most) {
  TORCH_CHECK(low <= high && most >= 1, "axis_ticks: needs low <= high and a positive number, got ", low, " ", high,
              " ", most);
  const double span = high > low ? high - low : std::max(1.0, std::abs(low)) * 0.1;
  const double rough = span / most, power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double multiple : {5.0, 2.0, 1.0}) {
    if (multiple * power >= rough * (1 - 1e-9)) step = multiple * power;
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9), last = std::ceil((low + span) / step - 1e-9);
  for (double index = first; index <= last; ++index) ticks.push_back(index * step);
  return ticks;
}

std::string line_plot(const PlotOptions& options, const std::vector<Series>& series) {
  std::vector<Series> drawn;
  for (const Series& one : series) drawn.push_back({one.name, thinned(one)});
  const Frame frame = frame_of(options, drawn);
  std::string svg =
      element("text", {{"x", "4"}, {"y", "16"}, {"font-size", "14"}, {"font-weight", "600"}, {"fill", "#1d2330"}},
              escape_html(options.title));
  svg += axes(options, frame) + legend(drawn, frame);
  for (std::size_t i = 0; i < drawn.size(); ++i) svg += curve(drawn[i], frame, colour(i));
  const std::string box = "0 0 " + std::to_string(options.width) + " " + std::to_string(options.height);
  return element("svg", {{"viewBox", box}, {"xmlns", "http://www.w3.org/2000/svg"}, {"role", "img"}}, svg);
}

}  // namespace palimpsest
