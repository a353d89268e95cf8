#include "experiments/evaluation/exhibit_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

Image picture(int level) { return {at::full({4, 4, 3}, level, at::kByte)}; }

Exhibit some_exhibit() {
  const Show show{"all-to-all", "All", "", "held-out", {"caption"}, {"picture", "speech", "caption"}};
  Exhibit exhibit{show, {}, FilmStrip{picture(7), {0, 2, 4}}};
  for (int i = 0; i < 3; ++i) {
    const Text words{i == 1 ? "" : "line one\nline two \xC3\xA9"};
    const Audio sound{at::arange(-8, i == 2 ? -8 : 8).to(at::kFloat).div(16 + i), 8'000};  // the last one is empty
    exhibit.items.push_back({"folder/key-" + std::to_string(i),
                             {{"caption", words}},
                             {{"picture", picture(i)}, {"speech", sound}, {"caption", words}},
                             {{"picture", picture(100 + i)}}});
  }
  return exhibit;
}

void expect_same(const Media& left, const Media& right) {
  ASSERT_EQ(media_kind(left), media_kind(right));
  if (const auto* text = std::get_if<Text>(&left)) {
    EXPECT_EQ(text->utf8, std::get<Text>(right).utf8);
  }
  if (const auto* image = std::get_if<Image>(&left)) {
    EXPECT_TRUE(at::equal(image->pixels_HWC, std::get<Image>(right).pixels_HWC));
  }
  if (const auto* audio = std::get_if<Audio>(&left)) {
    EXPECT_EQ(audio->sample_rate, std::get<Audio>(right).sample_rate);
    EXPECT_TRUE(at::allclose(audio->samples_N, std::get<Audio>(right).samples_N, 0, 1.0 / 32'767));  // 16-bit PCM
  }
}

void expect_same(const std::map<std::string, Media>& left, const std::map<std::string, Media>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (const auto& [role, media] : left) expect_same(media, right.at(role));
}

class ExhibitFiles : public testing::Test {
 protected:
  ExhibitFiles() { write_exhibit(exhibit, place); }
  ScratchFolder folder;
  const Exhibit exhibit = some_exhibit();
  const ExhibitPlace place{folder / "samples", {{"weights", "abc"}, {"seed", 3}}};
};

TEST_F(ExhibitFiles, WhatIsReadBackIsWhatWasWritten) {
  const auto again = read_exhibit(exhibit.show, place);
  ASSERT_TRUE(again.has_value());
  ASSERT_EQ(again->items.size(), exhibit.items.size());
  for (std::size_t i = 0; i < exhibit.items.size(); ++i) {
    EXPECT_EQ(again->items[i].key, exhibit.items[i].key);
    expect_same(exhibit.items[i].given, again->items[i].given);
    expect_same(exhibit.items[i].made, again->items[i].made);
    expect_same(exhibit.items[i].truth, again->items[i].truth);
  }
  ASSERT_TRUE(again->film.has_value());
  EXPECT_EQ(again->film->steps, exhibit.film->steps);
  expect_same(Media(again->film->pictures), Media(exhibit.film->pictures));
}

TEST_F(ExhibitFiles, MediaLieThereUnderNamesThatSayWhatTheyAre) {
  for (const char* name : {"00-folder-key-0-given-caption.txt", "01-folder-key-1-made-picture.png", "film.png",
                           "02-folder-key-2-made-speech.wav", "00-folder-key-0-true-picture.png", "sheet.png"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / (std::string("samples/all-to-all/") + name))) << name;
  }
  EXPECT_EQ(folder.read("samples/all-to-all/00-folder-key-0-given-caption.txt"), "line one\nline two \xC3\xA9\n");
}

TEST_F(ExhibitFiles, WhatWasMadeOtherwiseOrIsNotWholeIsNotTaken) {
  EXPECT_FALSE(read_exhibit(exhibit.show, {place.directory, {{"weights", "abd"}, {"seed", 3}}}).has_value());
  EXPECT_FALSE(read_exhibit(exhibit.show, {folder / "elsewhere", place.settings}).has_value());
  std::filesystem::remove(folder / "samples/all-to-all/01-folder-key-1-made-picture.png");
  EXPECT_FALSE(read_exhibit(exhibit.show, place).has_value());
  write_exhibit(exhibit, place);
  EXPECT_TRUE(read_exhibit(exhibit.show, place).has_value());
  folder.write("samples/all-to-all/exhibit.json", "{\"settings\": {\"weights\": \"abc\", \"seed\": 3}}");
  EXPECT_FALSE(read_exhibit(exhibit.show, place).has_value());
  folder.write("samples/all-to-all/exhibit.json", "{\"settings\"");
  EXPECT_FALSE(read_exhibit(exhibit.show, place).has_value());
}

}  // namespace
}  // namespace palimpsest
