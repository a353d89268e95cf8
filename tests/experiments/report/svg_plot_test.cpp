#include "experiments/report/svg_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>

#include "experiments/report/html.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

TEST(SvgPlot, TicksAreRoundAndCoverTheRange) {
  EXPECT_EQ(axis_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  for (const auto& [low, high] : {std::pair{0.013, 0.94}, {-3.7, 12.2}, {812.0, 40'000.0}, {5.0, 5.0}}) {
    const auto ticks = axis_ticks(low, high, 5);
    EXPECT_LE(ticks.front(), low);
    EXPECT_GE(ticks.back(), high);
    EXPECT_LE(ticks.size(), 7u);
    EXPECT_GE(ticks.size(), 2u);
  }
}

TEST(SvgPlot, EachSeriesIsAPolylineWithItsLastValueInTheLegend) {
  const std::string svg = line_plot({.title = "Loss", .x_label = "step", .y_label = "nats"},
                                    {{"text", {{0, 4}, {10, 2.5}}}, {"image", {{0, 6}, {10, 5}}}});
  EXPECT_THAT(svg, HasSubstr("text 2.5"));
  EXPECT_THAT(svg, HasSubstr("image 5"));
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = svg.find("<polyline", at)) != std::string::npos; ++at) ++lines;
  EXPECT_EQ(lines, 2u);
}

TEST(SvgPlot, EveryLineAcrossLiesInsideTheFrame) {
  const std::regex across(R"re(<line x1="[^"]*" y1="([^"]*)")re");
  for (const double high : {0.7, 3.1, 9.9, 10.2, 24.0, 110.0}) {
    const std::string svg = line_plot({}, {{"loss", {{0, high}, {100, 0.6}}}});
    std::size_t lines = 0;
    for (std::sregex_iterator at(svg.begin(), svg.end(), across), end; at != end; ++at, ++lines) {
      EXPECT_GE(std::stod((*at)[1]), 46 - 1e-3) << high;  // under the title and the legend
      EXPECT_LE(std::stod((*at)[1]), 230 + 1e-3) << high;
    }
    EXPECT_GE(lines, 3u);
  }
}

TEST(SvgPlot, LongSeriesAreThinnedAndGapsLeftOut) {
  Series series{"noise", {}};
  for (int i = 0; i < 10'000; ++i) series.points.emplace_back(i, i % 2 ? 1.0 : 3.0);
  series.points.emplace_back(10'000, std::numeric_limits<double>::quiet_NaN());
  const std::string svg = line_plot({}, {series});
  EXPECT_LT(svg.size(), 12'000u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_THROW(line_plot({}, {{"empty", {}}}), c10::Error);
}

TEST(Html, Base64KnownAnswers) {
  // RFC 4648, section 10.
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\xff\xfe\x00", 3)), "//4A");
}

TEST(Html, TextAndAttributesAreEscaped) {
  EXPECT_EQ(escape_html("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
  EXPECT_EQ(element("p", {{"title", "\"<"}}, "x"), "<p title=\"&quot;&lt;\">x</p>");
}

}  // namespace
}  // namespace palimpsest
