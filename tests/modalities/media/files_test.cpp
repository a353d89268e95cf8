#include "modalities/media/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

std::filesystem::path temporary(const char* name) { return std::filesystem::path(testing::TempDir()) / name; }

std::filesystem::path with_content(const char* name, std::string_view content) {
  write_file_atomically(temporary(name), content);
  return temporary(name);
}

std::string file_error(const std::filesystem::path& path, std::string_view kind) {
  try {
    load_media(path, {kind, 16'000});
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Files, EveryKindComesBackAsItWasSaved) {
  const Text text{"caf\xC3\xA9 au lait\nand more"};
  const Image image{at::arange(5 * 7 * 3).to(at::kByte).view({5, 7, 3})};
  const Audio audio{at::arange(-800, 800).to(at::kFloat) / 1024, 16'000};
  EXPECT_EQ(std::get<Text>(load_media(save_media(text, temporary("one.two")), {"text"})).utf8, text.utf8);
  EXPECT_TRUE(at::equal(std::get<Image>(load_media(save_media(image, temporary("picture")), {"image"})).pixels_HWC,
                        image.pixels_HWC));
  EXPECT_TRUE(at::equal(std::get<Audio>(load_media(save_media(audio, temporary("sound")), {"audio"})).samples_N,
                        audio.samples_N));
  EXPECT_EQ(save_media(text, temporary("one.two")), temporary("one.two.txt"));
  EXPECT_EQ(media_kind(image), "image");
}

TEST(Files, TextLosesItsByteOrderMarkAndLastLineEnd) {
  EXPECT_EQ(std::get<Text>(load_media(with_content("bom.txt", "\xEF\xBB\xBFred apple\r\n"), {"text"})).utf8,
            "red apple");
  EXPECT_EQ(std::get<Text>(load_media(with_content("two.txt", "red\napple\n\n"), {"text"})).utf8, "red\napple\n");
}

TEST(Files, EveryErrorNamesThePath) {
  const std::filesystem::path fake = with_content("fake.png", "a red apple\n"),
                              bad = with_content("bad.txt", "red \xFF");
  const std::filesystem::path picture = save_media(Image{at::zeros({2, 2, 3}, at::kByte)}, temporary("really"));
  EXPECT_THAT(file_error(fake, "image"), testing::StartsWith(fake.string() + ": is not a picture"));
  EXPECT_THAT(file_error(fake, "audio"), testing::StartsWith(fake.string() + ": "));
  EXPECT_EQ(file_error(bad, "text"), bad.string() + ": byte 4: is not valid UTF-8");
  EXPECT_EQ(file_error(picture, "text"), picture.string() + ": is a picture, not text");
  EXPECT_EQ(file_error(picture, "audio"), picture.string() + ": is a picture, not sound");
  EXPECT_THAT(file_error(temporary("missing.png"), "image"), HasSubstr("missing.png"));
  EXPECT_THAT(file_error(fake, "imagee"), HasSubstr("did you mean 'image'?"));
}

}  // namespace
}  // namespace palimpsest
