#include "experiments/report/task_chapter.h"

#define FMT_HEADER_ONLY  // LibTorch brings the headers of fmt without its library
#include <fmt/format.h>

namespace palimpsest {

namespace {

bool same_items(const Exhibit& left, const Exhibit& right) {
  return !left.show.given.empty() &&
         std::equal(left.items.begin(), left.items.end(), right.items.begin(), right.items.end(),
                    [](const Exhibit::Item& a, const Exhibit::Item& b) { return a.key == b.key; });
}

void add_panels(Card& card, const std::string& label, const std::map<std::string, Media>& roles) {
  for (const auto& [role, media] : roles) card.panels.push_back({label, media});
}

// Item `index` as all the answers have it; a single answer is not told apart by its model's name.
Card card_of(const std::vector<Answer>& answers, std::size_t index) {
  const Exhibit& first = answers.front().exhibit;
  const bool holed = first.show.hole.has_value();
  Card card;
  add_panels(card, holed ? "given with a hole" : "given", first.items[index].given);
  for (const Answer& answer : answers) {
    add_panels(card, answers.size() > 1 ? answer.title : "made", answer.exhibit.items[index].made);
  }
  add_panels(card, "real", first.items[index].truth);
  return card;
}

void add_cards(Report& report, const std::vector<Answer>& answers) {
  std::vector<Card> cards;
  for (std::size_t i = 0; i < answers.front().exhibit.items.size(); ++i) cards.push_back(card_of(answers, i));
  report.gallery(cards);
}

void add_film(Report& report, const Answer& answer) {
  if (!answer.exhibit.film) return;
  std::vector<std::string> labels;
  for (const std::int64_t step : answer.exhibit.film->steps) labels.push_back(fmt::format("step {}", step));
  report.strip(
      answer.exhibit.film->pictures, labels,
      fmt::format("{}: how the first pictures were written, step by step. Grey is not yet written.", answer.title));
}

}  // namespace

void add_task_chapter(Report& report, const std::vector<Answer>& answers) {
  TORCH_CHECK(!answers.empty(), "report: a task that no model answered");
  const Show& show = answers.front().exhibit.show;
  report.chapter(show.title, show.explanation);
  const bool together = std::all_of(answers.begin(), answers.end(), [&](const Answer& answer) {
    return same_items(answers.front().exhibit, answer.exhibit);
  });
  if (together) add_cards(report, answers);
  for (const Answer& answer : answers) {
    if (!together) {
      report.section(answer.title);
      add_cards(report, {answer});
    }
    add_film(report, answer);
  }
}

}  // namespace palimpsest
