#include "datasets/sources/tar_source.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "tests/datasets/packed.h"
#include "tests/datasets/small_data.h"
#include "tests/datasets/tar_writer.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

MemberRequest captions() { return {{{"caption", caption_role()}}, {}}; }

std::vector<ReadResult> read_members(const std::vector<TarMember>& members, TarForm form = TarForm::kUstar) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", members, form);
  return read_all(*tar_source({scratch / "set.tar"}, {}, captions()));
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
  auto results = read_all(*tar_source({scratch / "set.tar"}, {}, request));
  EXPECT_THAT(results[0].error, HasSubstr("a: picture: has no .webp or .png or .jpg"));
  EXPECT_EQ(results[1].sample.roles.size(), 2u);
  request.roles["picture"].optional = true;
  results = read_all(*tar_source({scratch / "set.tar"}, {}, request));
  EXPECT_EQ(results[0].error, "");
  EXPECT_EQ(results[0].sample.roles.size(), 1u);
}

TEST(TarSource, PicturesAreFittedAndItIsSaid) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.png", grey_png(30, 40), ""}, {"b.png", grey_png(8, 8), ""}});
  RoleOptions picture = picture_role();
  picture.rows = picture.columns = 8;
  const auto refused = read_all(*tar_source({scratch / "set.tar"}, {}, {{{"picture", picture}}, {}}));
  EXPECT_THAT(refused[0].error, HasSubstr("a.png"));
  EXPECT_EQ(refused[1].error, "");
  picture.fit = FitPolicy::kCrop;
  const auto fitted = read_all(*tar_source({scratch / "set.tar"}, {}, {{{"picture", picture}}, {}}));
  EXPECT_EQ(fitted[0].sample.meta.at("fitted").at("picture"), "40x30 to 8x8 by crop");
  EXPECT_EQ(std::get<Image>(fitted[0].sample.roles.at("picture")).pixels_HWC.sizes(), (at::IntArrayRef{8, 8, 3}));
  EXPECT_FALSE(fitted[1].sample.meta.contains("fitted"));
}

TEST(TarSource, PackedTarIsTheSameAndCutIsAnError) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.txt", "one", ""}, {"b.txt", "two", ""}});
  const std::string plain = scratch.read("set.tar");
  for (const auto& [ending, filter] : {std::pair{".gz", ARCHIVE_FILTER_GZIP}, std::pair{".bz2", ARCHIVE_FILTER_BZIP2},
                                       std::pair{".xz", ARCHIVE_FILTER_XZ}, std::pair{".zst", ARCHIVE_FILTER_ZSTD}}) {
    const std::string name = std::string("set.tar") + ending;
    write_packed(scratch / name, plain, filter);
    const auto results = read_all(*tar_source({scratch / name}, {}, captions()));
    ASSERT_EQ(results.size(), 2u) << ending;
    EXPECT_EQ(caption_of(results[0].sample) + caption_of(results[1].sample), "onetwo") << ending;
    const std::string packed = scratch.read(name);
    scratch.write(name, packed.substr(0, packed.size() / 2));
    EXPECT_THAT(message_of<InputError>([&] { read_all(*tar_source({scratch / name}, {}, captions())); }),
                HasSubstr(name));
  }
}

TEST(TarSource, TruncatedTarIsAnErrorThatNamesTheFileAndThePlace) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.txt", std::string(2000, 'a'), ""}, {"b.txt", std::string(2000, 'b'), ""}});
  scratch.write("cut.tar", scratch.read("set.tar").substr(0, 4000));
  auto source = tar_source({scratch / "cut.tar"}, {}, captions());
  const std::string message = message_of<InputError>([&] { read_all(*source); });
  EXPECT_THAT(message, HasSubstr("cut.tar"));
  EXPECT_THAT(message, HasSubstr("b.txt"));
  EXPECT_THAT(message, HasSubstr("not a whole tar"));
}

// The golden is what Python's webdataset makes of the same tars: tests/data/webdataset/make_groups.py.
TEST(TarSource, MembersAreGroupedAsWebdatasetGroupsThem) {
  const std::filesystem::path folder = std::filesystem::path(PALIMPSEST_SOURCE_DIR) / "tests/data/webdataset";
  const auto golden = nlohmann::json::parse(read_file(folder / "groups.json"));
  MemberRequest every;
  for (const auto& group : golden) {
    for (const auto& [extension, content] : group.at("members").items())
      every.roles["any"].members.push_back(extension);
  }
  for (const char* name : {"odd-pax.tar.gz", "odd-gnu.tar.gz"}) {
    const auto reader = tar_reader({folder / name}, {}, every);
    nlohmann::json groups = nlohmann::json::array();
    while (const auto members = reader->next()) {
      EXPECT_EQ(members->error, "") << members->key;
      groups.push_back({{"key", members->key}, {"members", members->bytes}});
    }
    EXPECT_EQ(groups, golden) << name;
  }
}

TEST(TarSource, SeveralAreReadInARow) {
  const ScratchFolder scratch;
  write_tar(scratch / "a-1.tar", {{"x.txt", "one", ""}, {"y.txt", "two", ""}});
  write_tar(scratch / "a-2.tar", {{"y.json", R"({"caption": "three"})", ""}});  // no group goes on in another tar
  const auto results = read_all(*tar_source({scratch / "a-1.tar", scratch / "a-2.tar"}, {}, captions()));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(caption_of(results[1].sample), "two");
  EXPECT_EQ(results[2].sample.key, "y");
  EXPECT_EQ(caption_of(results[2].sample), "three");
}

TEST(TarSource, DamagedOrGoneIsSkippedWhenTheRecipeSaysSo) {
  const ScratchFolder scratch;
  const std::vector<TarMember> members{{"a.txt", std::string(2000, 'a'), ""}, {"b.txt", std::string(2000, 'b'), ""}};
  write_tar(scratch / "whole.tar", members);
  scratch.write("cut.tar", scratch.read("whole.tar").substr(0, 4000));
  const std::vector<std::filesystem::path> tars{scratch / "cut.tar", scratch / "gone.tar", scratch / "whole.tar"};
  const auto results = read_all(*tar_source(tars, {DamagedFile::kSkip}, captions()));
  ASSERT_EQ(results.size(), 5u);
  EXPECT_EQ(results[0].error, "");
  EXPECT_EQ(results[1].sample.key, "cut.tar");
  EXPECT_THAT(results[1].error, HasSubstr("after b.txt: is not a whole tar"));
  EXPECT_EQ(results[2].sample.key, "gone.tar");
  EXPECT_THAT(results[2].error, HasSubstr("gone.tar"));
  EXPECT_EQ(results[4].sample.key, "b");
}

TEST(TarSource, WhatVanishesWhileItIsReadIsAnErrorThatNamesIt) {
  const ScratchFolder scratch;
  write_tar(scratch / "one.tar", {{"a.txt", "one", ""}});
  write_tar(scratch / "two.tar", {{"b.txt", "two", ""}});
  auto source = tar_source({scratch / "one.tar", scratch / "two.tar"}, {}, captions());
  auto first = source->next();
  finish(*first);
  EXPECT_EQ(caption_of(first->sample), "one");
  std::filesystem::remove(scratch / "two.tar");
  EXPECT_THAT(message_of<InputError>([&] { source->next(); }), HasSubstr("two.tar: is not a whole tar"));
}

TEST(TarSource, DevicesAndHardLinksAreErrors) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a.txt", "", ""}, {"b.txt", "", ""}, {"c.txt", "three", ""}});
  std::string bytes = scratch.read("set.tar");
  const auto forge = [&bytes](std::size_t header, char type) {  // a ustar header is 512 bytes; its type stands at 156
    bytes[header + 156] = type;
    int sum = 0;
    for (std::size_t at = 0; at < 512; ++at) {
      sum += at >= 148 && at < 156 ? ' ' : static_cast<unsigned char>(bytes[header + at]);
    }
    std::snprintf(&bytes[header + 148], 7, "%06o", static_cast<unsigned>(sum) & 077777u);
  };
  forge(0, '3');    // a device
  forge(512, '1');  // a hard link
  scratch.write("forged.tar", bytes);
  const auto results = read_all(*tar_source({scratch / "forged.tar"}, {}, captions()));
  ASSERT_EQ(results.size(), 3u);
  for (const std::size_t bad : {0, 1}) EXPECT_THAT(results[bad].error, HasSubstr("link or a device"));
  EXPECT_EQ(caption_of(results[2].sample), "three");
}

TEST(TarSource, AHugeMemberThatPacksWellIsAnErrorAndNeverInMemory) {
  const ScratchFolder scratch;
  // 300 MB of zeros are 300 kB of gzip; the member is passed over.
  write_tar(scratch / "bomb.tar", {{"a.txt", std::string(300 << 20, '\0'), ""}, {"b.txt", "fine", ""}}, TarForm::kGnu,
            true);
  const auto results = read_all(*tar_source({scratch / "bomb.tar"}, {}, captions()));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_THAT(results[0].error, HasSubstr("314572800 bytes, more than 256 MB"));
  EXPECT_EQ(caption_of(results[1].sample), "fine");
}

TEST(TarSource, OtherFilesAreNoTars) {
  const ScratchFolder scratch;
  scratch.write("text.tar", "this is no tar\n");
  EXPECT_THAT(message_of<InputError>([&] { tar_source({scratch / "text.tar"}, {}, captions()); }),
              HasSubstr("text.tar"));
  EXPECT_THAT(message_of<InputError>([&] { tar_source({scratch / "absent.tar"}, {}, captions()); }),
              HasSubstr("absent.tar"));
}

}  // namespace
}  // namespace palimpsest
