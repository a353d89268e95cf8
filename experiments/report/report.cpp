#include "experiments/report/report.h"

#include <iomanip>
#include <sstream>

#include "experiments/report/html.h"
#include "modalities/media/audio.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

std::string label_html(const std::string& label) {
  return label.empty() ? "" : element("span", {{"class", "label"}}, escape_html(label));
}

std::string picture_html(const Image& picture, const std::string& alternative) {
  return void_element("img", {{"src", data_uri("image/png", encode_png(picture))}, {"alt", alternative}});
}

std::string media_html(const Panel& panel) {
  if (const auto* image = std::get_if<Image>(&panel.media)) return picture_html(*image, panel.label);
  if (const auto* audio = std::get_if<Audio>(&panel.media)) {
    return element("audio", {{"controls", ""}, {"preload", "none"}, {"src", data_uri("audio/wav", encode_wav(*audio))}},
                   "");
  }
  const std::string& text = std::get<Text>(panel.media).utf8;
  return element("span", {{"class", "made"}}, text.empty() ? "(nothing)" : escape_html(text));
}

bool is_picture(const Panel& panel) { return std::holds_alternative<Image>(panel.media); }

std::string card_html(const Card& card) {
  std::string pictures, others;
  for (const Panel& panel : card.panels) {
    (is_picture(panel) ? pictures : others) += element("div", {}, label_html(panel.label) + media_html(panel));
  }
  std::string content;
  if (!pictures.empty()) content += element("div", {{"class", "pictures"}}, pictures);
  if (!others.empty()) content += element("figcaption", {}, others);
  if (!card.caption.empty()) content += element("figcaption", {}, escape_html(card.caption));
  return element("figure", {}, content);
}

bool is_wide(const Card& card) { return card.panels.size() > 1 || !is_picture(card.panels.front()); }

std::string percent(double value) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << 100.0 * std::clamp(value, 0.0, 1.0) << "%";
  return out.str();
}

std::string bar_html(const MetricRow& row) {
  if (row.unit != Unit::kRate) return "";
  std::string marks = element("i", {{"style", "width:" + percent(row.value)}}, "");
  if (row.chance) marks += element("b", {{"style", "left:" + percent(*row.chance)}}, "");
  return element("span", {{"class", "bar"}}, marks);
}

std::string number_cell(const std::string& content, const std::string& more = "") {
  return element("td", {{"class", "number" + more}}, content);
}

std::string score_cells(const MetricRow* row) {
  if (!row) return number_cell("–") + number_cell("");
  const std::string range =
      format_figure(row->interval.low, row->unit) + " – " + format_figure(row->interval.high, row->unit);
  return number_cell(format_figure(row->value, row->unit) + bar_html(*row), " strong") +
         number_cell(range + "<br/>n = " + std::to_string(row->samples));
}

const MetricRow* find_row(const ScoreSheet& sheet, const MetricRow& like) {
  for (const MetricRow& row : sheet.rows) {
    if (row.name == like.name && row.split == like.split) return &row;
  }
  return nullptr;
}

// Every (name, split) once, in the order of the first sheet that has it.
std::vector<const MetricRow*> all_rows(const std::vector<ScoreSheet>& sheets) {
  std::vector<const MetricRow*> rows;
  for (const ScoreSheet& sheet : sheets) {
    for (const MetricRow& row : sheet.rows) {
      const bool known = std::any_of(rows.begin(), rows.end(), [&](const MetricRow* seen) {
        return seen->name == row.name && seen->split == row.split;
      });
      if (!known) rows.push_back(&row);
    }
  }
  return rows;
}

std::string held_against(const std::vector<ScoreSheet>& sheets, const MetricRow& row,
                         std::optional<double> MetricRow::*figure) {
  for (const ScoreSheet& sheet : sheets) {
    const MetricRow* found = find_row(sheet, row);
    if (found && found->*figure) return format_figure(*(found->*figure), row.unit);
  }
  return "–";
}

std::string score_line(const std::vector<ScoreSheet>& sheets, const MetricRow& row) {
  std::string name = escape_html(row.name);
  if (!row.note.empty()) name += element("span", {{"class", "note"}}, escape_html(row.note));
  std::string line = element("td", {}, name) + element("td", {}, escape_html(row.split));
  for (const ScoreSheet& sheet : sheets) line += score_cells(find_row(sheet, row));
  line += number_cell(held_against(sheets, row, &MetricRow::baseline)) +
          number_cell(held_against(sheets, row, &MetricRow::chance));
  return element("tr", {}, line);
}

}  // namespace

Report::Report(std::string title, std::string lead) : title_(std::move(title)), lead_(std::move(lead)) {}

void Report::chapter(const std::string& title, const std::string& explanation) {
  const std::string id = "chapter-" + std::to_string(++chapters_);
  contents_ += element("a", {{"href", "#" + id}}, escape_html(title));
  body_ += element("h2", {{"id", id}}, escape_html(title)) + "\n";
  if (!explanation.empty()) body_ += element("p", {}, escape_html(explanation)) + "\n";
}

void Report::section(const std::string& title, const std::string& explanation) {
  body_ += element("h3", {}, escape_html(title)) + "\n";
  if (!explanation.empty()) body_ += element("p", {{"class", "soft"}}, escape_html(explanation)) + "\n";
}

void Report::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string cells;
  for (const auto& [name, value] : facts)
    cells += element("div", {}, element("span", {}, escape_html(name)) + escape_html(value));
  body_ += element("div", {{"class", "facts"}}, cells) + "\n";
}

void Report::plots(const std::vector<std::string>& svgs) {
  std::string plots;
  for (const std::string& svg : svgs) plots += element("div", {}, svg);
  body_ += element("div", {{"class", "plots"}}, plots) + "\n";
}

void Report::scores(const std::vector<ScoreSheet>& sheets) {
  std::string head = element("th", {}, "Metric") + element("th", {}, "Held out");
  for (const ScoreSheet& sheet : sheets) {
    head += element("th", {{"class", "number"}}, escape_html(sheet.title)) +
            element("th", {{"class", "number"}}, "95% interval");
  }
  head += element("th", {{"class", "number"}}, "Baseline") + element("th", {{"class", "number"}}, "Chance");
  std::string lines = element("thead", {}, element("tr", {}, head)), rows;
  for (const MetricRow* row : all_rows(sheets)) rows += score_line(sheets, *row) + "\n";
  body_ += element("table", {}, lines + element("tbody", {}, rows)) + "\n";
}

void Report::gallery(const std::vector<Card>& cards) {
  std::string content;
  for (const Card& card : cards) {
    TORCH_CHECK(!card.panels.empty(), "report: a card without panels");
    content += card_html(card) + "\n";
  }
  const bool wide = std::any_of(cards.begin(), cards.end(), is_wide);
  body_ += element("div", {{"class", wide ? "grid wide" : "grid"}}, content) + "\n";
}

void Report::strip(const Image& pictures, const std::vector<std::string>& labels, const std::string& caption) {
  std::string names;
  for (const std::string& label : labels) names += element("span", {}, escape_html(label));
  body_ += element("div", {{"class", "strip"}}, picture_html(pictures, caption) + element("div", {}, names)) +
           element("p", {{"class", "soft"}}, escape_html(caption)) + "\n";
}

std::string Report::html() const {
  return html_page(title_, element("h1", {}, escape_html(title_)) +
                               element("p", {{"class", "lead"}}, escape_html(lead_)) + element("nav", {}, contents_) +
                               "\n" + body_);
}

}  // namespace palimpsest
