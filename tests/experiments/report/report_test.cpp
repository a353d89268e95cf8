#include "experiments/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "experiments/report/html.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
using testing::Not;

// The stack of open tags never mismatches: every element is closed by its own name, in order.
testing::AssertionResult well_formed(const std::string& html) {
  const std::regex tag(R"(<(/?)([a-zA-Z0-9]+)(?:\s[^<>]*?)?(/?)>)");
  const std::string body = html.substr(html.find("<html"));
  std::vector<std::string> open;
  std::size_t elements = 0;
  for (std::sregex_iterator at(body.begin(), body.end(), tag), end; at != end; ++at) {
    if ((*at)[3].length()) continue;
    if (!(*at)[1].length()) {
      open.push_back((*at)[2]);
      ++elements;
    } else if (open.empty() || open.back() != (*at)[2]) {
      return testing::AssertionFailure() << "</" << (*at)[2] << "> closes " << (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  if (!open.empty()) return testing::AssertionFailure() << "<" << open.back() << "> is never closed";
  return elements > 3 ? testing::AssertionSuccess() : testing::AssertionFailure() << "no page";
}

Image grey() { return {at::full({8, 8, 3}, 90, at::kByte)}; }

MetricRow some_row(const std::string& name, std::int64_t hits) {
  std::vector<bool> all(96, false);
  std::fill_n(all.begin(), hits, true);
  MetricRow row = rate_row(name, "unseen-style", all);
  row.chance = 1.0 / 32;
  return row;
}

Report full_report() {
  Report report("A <title>", "what was made");
  report.chapter("Scores & figures");
  report.facts({{"machine", "2 cores"}});
  report.scores({{"minutes", {some_row("caption for a picture", 40)}},
                 {"stored", {some_row("caption for a picture", 60), some_row("only stored", 3)}}});
  report.chapter("Pictures");
  report.section("caption -> picture", "seen <concepts>");
  report.gallery(
      {{{{"made", grey()}}, "red apple"}, {{{"given", Text{"goose"}}, {"made", Audio{at::zeros({160}), 16'000}}}, ""}});
  report.strip(grey(), {"step 1", "step 2"}, "as it was written");
  return report;
}

TEST(Report, IsAWellFormedPageThatLoadsNothing) {
  const std::string html = full_report().html();
  EXPECT_TRUE(well_formed(html));
  EXPECT_THAT(html, HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(html, HasSubstr("data:image/png;base64,iVBOR"));
  EXPECT_THAT(html, HasSubstr("data:audio/wav;base64,UklGR"));
  EXPECT_THAT(html, Not(HasSubstr("src=\"http")));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
}

TEST(Report, TextIsEscapedEverywhere) {
  const std::string html = full_report().html();
  EXPECT_THAT(html, HasSubstr("A &lt;title&gt;"));
  EXPECT_THAT(html, HasSubstr("Scores &amp; figures"));
  EXPECT_THAT(html, Not(HasSubstr("<concepts>")));
}

TEST(Report, ScoresOfSeveralModelsStandSideBySide) {
  const std::string html = full_report().html();
  EXPECT_THAT(html, HasSubstr("41.7%"));
  EXPECT_THAT(html, HasSubstr("62.5%"));
  EXPECT_THAT(html, HasSubstr("3.1%"));
  EXPECT_THAT(html, HasSubstr("only stored"));
}

TEST(Report, AMetricsNameStandsOnceForItsSplits) {
  MetricRow other = some_row("caption for a picture", 30);
  other.split = "unseen-concept";
  Report report("Report", "");
  report.scores({{"now", {some_row("caption for a picture", 40), some_row("between", 1), other}}});
  const std::string html = report.html();
  EXPECT_EQ(html.find("caption for a picture"), html.rfind("caption for a picture"));
  EXPECT_THAT(html, HasSubstr("rowspan=\"2\""));
  EXPECT_THAT(html, HasSubstr("95%: 32.3% – 51.7%, n = 96"));
}

TEST(Report, PicturesThatFollowEachOtherShareARow) {
  Report report("Report", "");
  report.gallery({{{{"given", Text{"goose"}}, {"mine", grey()}, {"theirs", grey()}, {"real", grey()}}, ""}});
  const std::string html = report.html();
  const std::size_t row = html.find("class=\"pictures\"");
  EXPECT_EQ(row, html.rfind("class=\"pictures\""));
  EXPECT_LT(html.find("goose"), row);
  EXPECT_THAT(html, HasSubstr("minmax(352px, 1fr)"));
}

TEST(Report, AnUnclosedTagWouldBeNoticed) {
  EXPECT_FALSE(well_formed("<html><body><main><p>x</main></body></html>"));
  EXPECT_FALSE(well_formed("<html><body><main><p>x</p></main></body>"));
}

TEST(Metrics, RowsSurviveTheirJson) {
  MetricRow row = some_row("speech for a caption", 90);
  row.baseline = 0.25;
  row.note = "32 candidates";
  const MetricRow again = metric_from_json(to_json(row), "scores.json");
  EXPECT_EQ(to_json(again), to_json(row));
  EXPECT_EQ(again.interval.low, row.interval.low);
  try {
    metric_from_json({{"name", "x"}}, "scores.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("scores.json"));
  }
}

TEST(Metrics, TheTableHasOneAlignedLineARow) {
  const std::string table = format_table({some_row("a", 3), some_row("a longer name", 30)});
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3);
  EXPECT_THAT(table, HasSubstr("31.2%"));
  const std::size_t width = table.find('\n');
  EXPECT_EQ(table.find('\n', width + 1) - width, width + 1);
}

}  // namespace
}  // namespace palimpsest
