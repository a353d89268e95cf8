#include "datasets/sources/tar_source.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "tests/datasets/small_data.h"
#include "tests/datasets/tar_writer.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

MemberRequest captions() { return {{{"caption", caption_role()}}, {}}; }

std::vector<ReadResult> read_members(const std::vector<TarMember>& members, TarForm form = TarForm::kUstar,
                                     bool gzip = false) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", members, form, gzip);
  return read_all(*tar_source(scratch / "set.tar", captions()));
}

TEST(TarSource, NeighboursWithOneKeyMakeASample) {
  const auto results = read_members(
      {{"a.txt", "one\n", ""}, {"a.json", R"({"style": "x"})", ""}, {"b.json", R"({"caption": "two"})", ""}});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].sample.key, "a");
  EXPECT_EQ(caption_of(results[0].sample), "one");
  EXPECT_EQ(results[0].sample.meta.at("style"), "x");
  EXPECT_EQ(caption_of(results[1].sample), "two");
}

TEST(TarSource, KeyEndsAtTheFirstDotOfTheLastPart) {
  const auto results = read_members({{"./v1.0/a.b.TXT", "no role reads this", ""}, {"./v1.0/a.txt", "one", ""}});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].sample.key, "v1.0/a");
}

TEST(TarSource, LongAndForeignNamesInEveryForm) {
  const std::string longest(180, 'k');
  for (const TarForm form : {TarForm::kPax, TarForm::kGnu}) {
    const auto results = read_members({{longest + ".txt", "long", ""}, {"ключ 鍵.txt", "far", ""}}, form);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0].sample.key, longest);
    EXPECT_EQ(results[1].sample.key, "ключ 鍵");
    EXPECT_EQ(results[1].error, "");
  }
}

TEST(TarSource, UnsafeNamesAreErrorsAndTheRestIsRead) {
  const auto results = read_members({{"../up.txt", "x", ""},
                                     {"/root.txt", "x", ""},
                                     {"a/../../b.txt", "x", ""},
                                     {"li\nne.txt", "x", ""},
                                     {"fine.txt", "y", ""}});
  ASSERT_EQ(results.size(), 5u);
  for (std::size_t index = 0; index < 4; ++index) EXPECT_THAT(results[index].error, HasSubstr("unsafe name")) << index;
  EXPECT_EQ(caption_of(results[4].sample), "y");
}

TEST(TarSource, BadGroupsAreErrorsThatSayWhy) {
  const auto results = read_members({{"link.txt", "", "/etc/passwd"},
                                     {"twice.txt", "x", ""},
                                     {"twice.TXT", "y", ""},
                                     {"both.txt", "x", ""},
                                     {"both.json", R"({"caption": "y"})", ""},
                                     {"none.json", "{}", ""},
                                     {"broken.json", "{", ""},
                                     {"list.json", "[]", ""},
                                     {"number.json", R"({"caption": 3})", ""},
                                     {"bytes.txt", "\xff", ""},
                                     {"void.txt", "\n", ""},
                                     {"both.txt", "again", ""}});
  std::vector<std::string> errors;
  for (const ReadResult& result : results) errors.push_back(result.error);
  EXPECT_THAT(errors, testing::ElementsAre(HasSubstr("link"), HasSubstr(".txt twice"), HasSubstr("both .txt and .json"),
                                           HasSubstr("no field 'caption'"), HasSubstr("not valid JSON"),
                                           HasSubstr("a JSON object"), HasSubstr("caption: must be a string"),
                                           HasSubstr("bytes.txt"), HasSubstr("is empty"), HasSubstr("comes twice")));
}

TEST(TarSource, MissingMemberNamesTheRole) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.txt", "one", ""}, {"b.txt", "two", ""}, {"b.png", grey_png(4, 4), ""}});
  MemberRequest request = captions();
  request.roles["picture"] = picture_role();
  auto results = read_all(*tar_source(scratch / "set.tar", request));
  EXPECT_THAT(results[0].error, HasSubstr("a: picture: has no .webp or .png or .jpg"));
  EXPECT_EQ(results[1].sample.roles.size(), 2u);
  request.roles["picture"].optional = true;
  results = read_all(*tar_source(scratch / "set.tar", request));
  EXPECT_EQ(results[0].error, "");
  EXPECT_EQ(results[0].sample.roles.size(), 1u);
}

TEST(TarSource, PicturesAreFittedAndItIsSaid) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.png", grey_png(30, 40), ""}, {"b.png", grey_png(8, 8), ""}});
  RoleOptions picture = picture_role();
  picture.rows = picture.columns = 8;
  const auto refused = read_all(*tar_source(scratch / "set.tar", {{{"picture", picture}}, {}}));
  EXPECT_THAT(refused[0].error, HasSubstr("a.png"));
  EXPECT_EQ(refused[1].error, "");
  picture.fit = FitPolicy::kCrop;
  const auto fitted = read_all(*tar_source(scratch / "set.tar", {{{"picture", picture}}, {}}));
  EXPECT_EQ(fitted[0].sample.meta.at("fitted").at("picture"), "40x30 to 8x8 by crop");
  EXPECT_EQ(std::get<Image>(fitted[0].sample.roles.at("picture")).pixels_HWC.sizes(), (at::IntArrayRef{8, 8, 3}));
  EXPECT_FALSE(fitted[1].sample.meta.contains("fitted"));
}

TEST(TarSource, PackedTarIsTheSame) {
  const auto results = read_members({{"a.txt", "one", ""}}, TarForm::kUstar, true);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(caption_of(results[0].sample), "one");
}

TEST(TarSource, TruncatedTarIsAnErrorThatNamesTheFileAndThePlace) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.txt", std::string(2000, 'a'), ""}, {"b.txt", std::string(2000, 'b'), ""}});
  scratch.write("cut.tar", scratch.read("set.tar").substr(0, 4000));
  auto source = tar_source(scratch / "cut.tar", captions());
  const std::string message = message_of<InputError>([&] { read_all(*source); });
  EXPECT_THAT(message, HasSubstr("cut.tar"));
  EXPECT_THAT(message, HasSubstr("b.txt"));
  EXPECT_THAT(message, HasSubstr("not a whole tar"));
}

TEST(TarSource, OtherFilesAreNoTars) {
  const ScratchFolder scratch;
  scratch.write("text.tar", "this is no tar\n");
  EXPECT_THAT(message_of<InputError>([&] { tar_source(scratch / "text.tar", captions()); }), HasSubstr("text.tar"));
  EXPECT_THAT(message_of<InputError>([&] { tar_source(scratch / "absent.tar", captions()); }), HasSubstr("absent.tar"));
}

}  // namespace
}  // namespace palimpsest
