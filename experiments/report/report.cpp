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

std::string words_html(const std::string& words) { return element("div", {{"class", "words"}}, escape_html(words)); }

std::string media_html(const Panel& panel) {
  if (const auto* image = std::get_if<Image>(&panel.media)) return picture_html(*image, panel.label);
  if (const auto* audio = std::get_if<Audio>(&panel.media)) {
    if (audio->samples_N.numel() == 0) return words_html("(no sound)");
    return element("audio",
                   {{"controls", ""}, {"preload", "metadata"}, {"src", data_uri("audio/wav", encode_wav(*audio))}}, "");
  }
  const std::string& text = std::get<Text>(panel.media).utf8;
  return words_html(text.empty() ? "(no words)" : text);
}

bool is_picture(const Panel& panel) { return std::holds_alternative<Image>(panel.media); }

std::string panel_html(const Panel& panel) { return element("div", {}, label_html(panel.label) + media_html(panel)); }

// Panels in their order; pictures that follow each other share a row.
std::string card_html(const Card& card) {
  std::string content;
  for (auto panel = card.panels.begin(); panel != card.panels.end();) {
    if (!is_picture(*panel)) {
      content += panel_html(*panel++);
      continue;
    }
    std::string row;
    for (; panel != card.panels.end() && is_picture(*panel); ++panel) row += panel_html(*panel);
    content += element("div", {{"class", "pictures"}}, row);
  }
  if (!card.caption.empty()) content += element("figcaption", {}, escape_html(card.caption));
  return element("figure", {}, content);
}

// Narrowest a card may become, in pixels: pictures stay large enough to be looked at, players to be used.
std::int64_t card_width(const std::vector<Card>& cards) {
  constexpr std::int64_t kPicture = 110, kFrame = 22, kLeast = 250;
  std::int64_t most = 0;
  for (const Card& card : cards) {
    most = std::max<std::int64_t>(most, std::count_if(card.panels.begin(), card.panels.end(), is_picture));
  }
  return std::max(kLeast, most * kPicture + kFrame);
}

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

std::string note_html(const std::string& text) {
  return text.empty() ? "" : element("span", {{"class", "note"}}, escape_html(text));
}

std::string score_cell(const MetricRow* row) {
  if (!row) return number_cell("–");
  const std::string range = "95%: " + format_figure(row->interval.low, row->unit) + " – " +
                            format_figure(row->interval.high, row->unit) + ", n = " + std::to_string(row->samples);
  return number_cell(format_figure(row->value, row->unit) + bar_html(*row) + note_html(range), " strong");
}

const MetricRow* find_row(const ScoreSheet& sheet, const MetricRow& like) {
  for (const MetricRow& row : sheet.rows) {
    if (row.name == like.name && row.split == like.split) return &row;
  }
  return nullptr;
}

// Every (name, split) once, those of one name together, names in the order of the first sheet that has them.
std::vector<std::vector<const MetricRow*>> rows_by_name(const std::vector<ScoreSheet>& sheets) {
  std::vector<std::vector<const MetricRow*>> groups;
  for (const ScoreSheet& sheet : sheets) {
    for (const MetricRow& row : sheet.rows) {
      const auto group =
          std::find_if(groups.begin(), groups.end(), [&](const auto& seen) { return seen.front()->name == row.name; });
      if (group == groups.end()) {
        groups.push_back({&row});
      } else if (std::none_of(group->begin(), group->end(),
                              [&](const auto* seen) { return seen->split == row.split; })) {
        group->push_back(&row);
      }
    }
  }
  return groups;
}

std::string held_against(const std::vector<ScoreSheet>& sheets, const MetricRow& row,
                         std::optional<double> MetricRow::*figure) {
  for (const ScoreSheet& sheet : sheets) {
    const MetricRow* found = find_row(sheet, row);
    if (found && found->*figure) return format_figure(*(found->*figure), row.unit);
  }
  return "–";
}

// The lines of one metric: its name once, then a line a split.
std::string score_lines(const std::vector<ScoreSheet>& sheets, const std::vector<const MetricRow*>& group) {
  const MetricRow& first = *group.front();
  const HtmlAttributes over_all{{"class", "metric"}, {"rowspan", std::to_string(group.size())}};
  std::string lines;
  for (const MetricRow* row : group) {
    std::string line;
    if (row == &first) line += element("td", over_all, escape_html(first.name) + note_html(first.note));
    line += element("td", {}, escape_html(row->split));
    for (const ScoreSheet& sheet : sheets) line += score_cell(find_row(sheet, *row));
    line += number_cell(held_against(sheets, *row, &MetricRow::baseline)) +
            number_cell(held_against(sheets, *row, &MetricRow::chance));
    lines += element("tr", {}, line) + "\n";
  }
  return lines;
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

void Report::html_block(const std::string& html) { body_ += html; }

void Report::plots(const std::vector<std::string>& svgs) {
  std::string plots;
  for (const std::string& svg : svgs) plots += element("div", {}, svg);
  body_ += element("div", {{"class", "plots"}}, plots) + "\n";
}

void Report::scores(const std::vector<ScoreSheet>& sheets) {
  std::string head = element("th", {}, "Metric") + element("th", {}, "Held out");
  for (const ScoreSheet& sheet : sheets) head += element("th", {{"class", "number"}}, escape_html(sheet.title));
  head += element("th", {{"class", "number"}}, "Baseline") + element("th", {{"class", "number"}}, "Chance");
  std::string lines = element("thead", {}, element("tr", {}, head)), rows;
  for (const auto& group : rows_by_name(sheets)) rows += score_lines(sheets, group);
  body_ += element("table", {}, lines + element("tbody", {}, rows)) + "\n";
}

void Report::gallery(const std::vector<Card>& cards) {
  std::string content;
  for (const Card& card : cards) {
    TORCH_CHECK(!card.panels.empty(), "report: a card without panels");
    content += card_html(card) + "\n";
  }
  const std::string columns =
      "grid-template-columns: repeat(auto-fill, minmax(" + std::to_string(card_width(cards)) + "px, 1fr))";
  body_ += element("div", {{"class", "grid"}, {"style", columns}}, content) + "\n";
}

void Report::strip(const Image& pictures, const std::vector<std::string>& labels, const std::string& caption) {
  std::string names;
  for (const std::string& label : labels) names += element("span", {}, escape_html(label));
  body_ += element("div", {{"class", "strip"}}, picture_html(pictures, caption) + element("div", {}, names)) +
           element("p", {{"class", "soft"}}, escape_html(caption)) + "\n";
}

void Report::code(const std::string& text) { body_ += element("pre", {}, escape_html(text)) + "\n"; }

std::string Report::html() const {
  return html_page(title_, element("h1", {}, escape_html(title_)) +
                               element("p", {{"class", "lead"}}, escape_html(lead_)) + element("nav", {}, contents_) +
                               "\n" + body_);
}

}  // namespace palimpsest
