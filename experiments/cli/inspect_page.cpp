// palimpsest inspect --html: prepared data as a page to look at and listen to.
#include <iomanip>
#include <sstream>

#include "experiments/cli/inspect.h"
#include "experiments/report/html.h"
#include "experiments/report/report.h"

namespace palimpsest {

namespace {

// A figure as the command's own table shows it.
std::string shown(const Facts& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_number_float()) return value.dump();
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << value.get<double>();
  return text.str();
}

std::string heading(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// A list of objects with the same keys.
std::string table_html(const Facts& rows) {
  if (rows.empty()) return "";
  std::string head, body;
  for (const auto& [name, value] : rows.front().items())
    head += element("th", {{"class", value.is_number() ? "number" : ""}}, escape_html(heading(name)));
  for (const auto& row : rows) {
    std::string cells;
    for (const auto& [name, value] : row.items())
      cells += element("td", {{"class", value.is_number() ? "number" : ""}}, escape_html(shown(value)));
    body += element("tr", {}, cells);
  }
  return element("table", {}, element("tr", {}, head) + body);
}

// Bars of one histogram: rows by length.
std::string histogram_svg(const Facts& histogram) {
  constexpr double kWidth = 480, kHeight = 200, kLeft = 10, kBottom = 24, kTop = 34, kWidestBar = 40;
  const auto counts = histogram.at("rows").get<std::vector<std::int64_t>>();
  if (counts.empty()) return "";
  const auto most = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
  const double bar = std::min((kWidth - 2 * kLeft) / static_cast<double>(counts.size()), kWidestBar);
  const std::int64_t from = histogram.at("from"), width = histogram.at("width");
  const auto text = [](double x, double y, const std::string& anchor, const std::string& words) {
    return element("text",
                   {{"x", std::to_string(x)}, {"y", std::to_string(y)}, {"text-anchor", anchor}, {"font-size", "12"}},
                   escape_html(words));
  };
  const std::string title = histogram.at("role").get<std::string>() + ": rows by number of ids";
  std::string content = text(kLeft, 16, "start", title + (width > 1 ? ", " + std::to_string(width) + " a bar" : ""));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double height = (kHeight - kTop - kBottom) * static_cast<double>(counts[i]) / most;
    const std::int64_t begin = from + static_cast<std::int64_t>(i) * width;
    const std::string range =
        width == 1 ? std::to_string(begin) : std::to_string(begin) + " to " + std::to_string(begin + width - 1);
    content += element("rect",
                       {{"x", std::to_string(kLeft + bar * static_cast<double>(i))},
                        {"y", std::to_string(kHeight - kBottom - height)},
                        {"width", std::to_string(std::max(bar - 1, 0.5))},
                        {"height", std::to_string(height)},
                        {"fill", "#a8442a"}},
                       element("title", {}, range + ": " + std::to_string(counts[i])));
  }
  content += text(kLeft, kHeight - 6, "start", std::to_string(from));
  const std::int64_t last = from + std::ssize(counts) * width - 1;
  if (last > from)  // one length is told once
    content += text(kLeft + bar * static_cast<double>(counts.size()), kHeight - 6, "end", std::to_string(last));
  content += text(kWidth - kLeft, 16, "end", "highest bar " + std::to_string(static_cast<std::int64_t>(most)));
  return element("svg", {{"viewBox", "0 0 480 200"}, {"xmlns", "http://www.w3.org/2000/svg"}}, content);
}

Card row_card(const DataRows& rows, std::int64_t row) {
  Card card{{}, rows.key(row)};
  for (const auto& [role, media] : rows.media(row)) card.panels.push_back({role, media});
  std::stable_partition(card.panels.begin(), card.panels.end(),
                        [](const Panel& panel) { return std::holds_alternative<Image>(panel.media); });
  return card;
}

}  // namespace

std::string data_page(const Facts& facts, const DataRows& rows) {
  Report page("Prepared data",
              facts.at("path").get<std::string>() + ", made of " + facts.at("source").get<std::string>());
  page.chapter("Counts", "Every byte of every shard was verified for this page.");
  page.html_block(table_html(facts.at("splits")));
  if (!facts.at("first_left_out").empty()) {
    page.section("First left out");
    page.html_block(table_html(facts.at("first_left_out")));
  }
  page.chapter("Lengths", "Ids a row, by role; pNN: so many rows in a hundred are no longer.");
  page.html_block(table_html(facts.at("lengths")));
  std::vector<std::string> histograms;
  for (const auto& histogram : facts.at("histograms")) histograms.push_back(histogram_svg(histogram));
  page.plots(histograms);
  page.chapter("Vocabulary use",
               "Of the ids that a tokenizer can make, those that stand somewhere, and the entropy of their use.");
  page.html_block(table_html(facts.at("vocabulary_use")));
  page.chapter("Rows",
               "The first of split " + rows.split() + ", read back from their ids by the tokenizers that made them.");
  std::vector<Card> cards;
  for (std::int64_t row = 0; row < rows.count(); ++row) cards.push_back(row_card(rows, row));
  page.gallery(cards);
  return page.html();
}

}  // namespace palimpsest
