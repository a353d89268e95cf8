// Report: one self-contained HTML page of figures, pictures, film strips and sounds.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/evaluation/metric.h"
#include "modalities/media/media.h"

namespace palimpsest {

// Something to look at, listen to or read, with a small label above it.
struct Panel {
  std::string label;
  Media media;
};

// A card: panels one above the other, pictures that follow each other side by side; then a line below.
struct Card {
  std::vector<Panel> panels;
  std::string caption;
};

// The scores of one model, told apart by how they came about.
struct ScoreSheet {
  std::string title;  // "After the demo's minutes", "Shipped checkpoint (stored figures)"
  std::vector<MetricRow> rows;
};

class Report {
 public:
  Report(std::string title, std::string lead);

  // A chapter, listed at the top.
  void chapter(const std::string& title, const std::string& explanation = "");
  void section(const std::string& title, const std::string& explanation = "");
  void facts(const std::vector<std::pair<std::string, std::string>>& facts);
  void plots(const std::vector<std::string>& svgs);
  void html_block(const std::string& html);  // as it is: tables of other kinds
  // Metrics down, the sheets side by side; bars for rates with chance as a tick. Baseline and chance are those of the
  // first sheet that has them.
  void scores(const std::vector<ScoreSheet>& sheets);
  void gallery(const std::vector<Card>& cards);
  // A picture of equal columns, with a label under each.
  void strip(const Image& pictures, const std::vector<std::string>& labels, const std::string& caption);

  std::string html() const;

 private:
  std::string title_, lead_, contents_, body_;
  std::size_t chapters_ = 0;
};

}  // namespace palimpsest
