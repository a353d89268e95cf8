#include "experiments/report/task_chapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palimpsest {
namespace {

using testing::HasSubstr;
using testing::Not;

Exhibit exhibit_with(const std::vector<std::string>& keys, const std::string& written) {
  Exhibit exhibit{
      {"picture-to-caption", "Picture to caption", "of held-out pictures", "unseen", {"picture"}, {"caption"}}, {}};
  for (const std::string& key : keys) {
    exhibit.items.push_back({key,
                             {{"picture", Image{at::zeros({4, 4, 3}, at::kByte)}}},
                             {{"caption", Text{written + " of " + key}}},
                             {{"caption", Text{"the truth of " + key}}}});
  }
  return exhibit;
}

std::string page(const std::vector<Answer>& answers) {
  Report report("Report", "");
  add_task_chapter(report, answers);
  return report.html();
}

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST(TaskChapter, ModelsThatAnsweredTheSameItemsStandOnOneCard) {
  const std::string html =
      page({{"Mine", exhibit_with({"a", "b"}, "my word")}, {"Theirs", exhibit_with({"a", "b"}, "their word")}});
  EXPECT_EQ(occurrences(html, "<figure>"), 2u);
  EXPECT_EQ(occurrences(html, "the truth of a"), 1u);
  EXPECT_THAT(html, HasSubstr("my word of b"));
  EXPECT_THAT(html, HasSubstr("their word of b"));
  EXPECT_THAT(html, HasSubstr("of held-out pictures"));
  EXPECT_THAT(html, Not(HasSubstr("<h3>")));
}

TEST(TaskChapter, ModelsThatAnsweredOtherItemsHaveASectionEach) {
  const std::string html =
      page({{"Mine", exhibit_with({"a", "b"}, "my word")}, {"Theirs", exhibit_with({"a", "c"}, "their word")}});
  EXPECT_EQ(occurrences(html, "<figure>"), 4u);
  EXPECT_THAT(html, HasSubstr("<h3>Mine</h3>"));
  EXPECT_THAT(html, HasSubstr("<h3>Theirs</h3>"));
}

TEST(TaskChapter, ItemsMadeOfNothingAreNeverTakenForTheSame) {
  Exhibit mine = exhibit_with({"sample-0"}, "my word"), theirs = exhibit_with({"sample-0"}, "their word");
  mine.show.given.clear();
  theirs.show.given.clear();
  EXPECT_EQ(occurrences(page({{"Mine", mine}, {"Theirs", theirs}}), "<figure>"), 2u);
}

TEST(TaskChapter, AFilmIsShownWithItsSteps) {
  Exhibit exhibit = exhibit_with({"a"}, "word");
  exhibit.film = FilmStrip{{at::zeros({4, 12, 3}, at::kByte)}, {0, 5, 16}};
  const std::string html = page({{"Mine", exhibit}});
  for (const char* step : {"step 0", "step 5", "step 16"}) EXPECT_THAT(html, HasSubstr(step));
}

}  // namespace
}  // namespace palimpsest
