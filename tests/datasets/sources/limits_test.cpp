// What one sample may cost: each bound with what becomes of the sample that passes it.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "datasets/sources/members.h"
#include "datasets/sources/open_source.h"
#include "modalities/media/audio.h"
#include "tests/datasets/small_data.h"
#include "tests/datasets/tar_writer.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

DataOptions data_of(const std::filesystem::path& source, const std::string& role, RoleOptions options) {
  DataOptions data;
  data.source = source.string();
  data.roles[role] = std::move(options);
  data.splits["all"] = {};
  return data;
}

// The samples of a tar of these members.
std::vector<ReadResult> read_tar(const std::vector<TarMember>& members, const std::string& role, RoleOptions options,
                                 const LimitOptions& limits = {}) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", members, TarForm::kPax);
  DataOptions data = data_of(scratch / "set.tar", role, std::move(options));
  data.limits = limits;
  return read_all(*open_source(data, "all"));
}

RoleOptions sound_role() {
  RoleOptions role;
  role.kind = "audio";
  role.members = {"wav"};
  return role;
}

// Width and height of a BMP stand at 18 and 22; it need not have the pixels to say so.
std::string bmp_of(std::uint32_t columns, std::uint32_t rows) {
  std::string bytes("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", 18);
  for (const std::uint32_t side : {columns, rows}) {
    for (int at = 0; at < 4; ++at) bytes.push_back(static_cast<char>(side >> (8 * at) & 0xFF));
  }
  return bytes + std::string("\x01\0\x18\0\0\0\0\0", 8) + std::string(64, '\0');
}

TEST(Limits, APictureOfAHundredThousandPixelsASideFailsByItsHeader) {
  RoleOptions picture = picture_role();
  picture.members = {"bmp"};
  const auto results = read_tar({{"square.bmp", bmp_of(100'000, 100'000), ""},
                                 {"strip.bmp", bmp_of(100'001, 1), ""},
                                 {"cut.bmp", bmp_of(100'000, 640), ""},
                                 {"large.bmp", bmp_of(4'000, 2'001), ""}},
                                "picture", picture, {.max_megapixels = 65});
  ASSERT_EQ(results.size(), 4u);
  EXPECT_THAT(results[0].error, HasSubstr("square.bmp: has 100000x100000 pixels; at most 65000000 in all are read"));
  EXPECT_THAT(results[1].error, HasSubstr("has 100001x1 pixels; at most 100000 a side are read"));
  EXPECT_THAT(results[2].error, HasSubstr("is truncated")) << "its size alone is allowed";
  EXPECT_THAT(results[3].error, HasSubstr("is truncated"));
}

TEST(Limits, AnHourOfSoundFailsAndASecondDoesNot) {
  const auto results = read_tar({{"hour.wav", encode_wav({at::zeros({3600 * 2000}), 2'000}), ""},
                                 {"second.wav", encode_wav({at::zeros({2000}), 2'000}), ""}},
                                "speech", sound_role());
  ASSERT_EQ(results.size(), 2u);
  EXPECT_THAT(results[0].error, HasSubstr("hour.wav: is longer than 300 seconds"));
  EXPECT_EQ(results[1].error, "");
  EXPECT_THAT(
      read_tar({{"s.wav", encode_wav({at::zeros({4000}), 2'000}), ""}}, "speech", sound_role(), {.max_seconds = 1.5})
          .at(0)
          .error,
      HasSubstr("is longer than 1 seconds"));
}

TEST(Limits, NestedLongAndDoubledJsonFailsAndTheRestIsRead) {
  const std::string deep = "{\"caption\": \"x\", \"in\": " + std::string(200, '[') + std::string(200, ']') + "}";
  std::string wide = "{\"caption\": \"x\", \"in\": [0";
  for (int item = 0; item < 1000; ++item) wide += ",0";
  const auto results = read_tar({{"deep.json", deep, ""},
                                 {"wide.json", wide + "]}", ""},
                                 {"twice.json", R"({"caption": "x", "caption": "y"})", ""},
                                 {"long.json", "{\"caption\": \"" + std::string(1 << 20, 'x') + "\"}", ""},
                                 {"fine.json", R"({"caption": "a box"})", ""}},
                                "caption", caption_role(), {.json_mb = 1, .json_values = 1000});
  ASSERT_EQ(results.size(), 5u);
  EXPECT_THAT(results[0].error, HasSubstr("deep.json: has values more than 200 levels deep"));
  EXPECT_THAT(results[1].error, HasSubstr("wide.json: has more than 1000 values"));
  EXPECT_THAT(results[2].error, HasSubstr("twice.json: has the key 'caption' twice"));
  EXPECT_THAT(results[3].error, HasSubstr(".json has 1048591 bytes, more than 1 MB"));
  EXPECT_EQ(caption_of(results[4].sample), "a box");
}

TEST(Limits, ALongTextFailsUnreadWhereverItStands) {
  const std::string text(std::size_t{2 << 20}, 'x');
  const auto results = read_tar(
      {{"file.txt", text + "x", ""}, {"field.json", "{\"caption\": \"" + text + "x\"}", ""}, {"fine.txt", text, ""}},
      "caption", caption_role(), {.text_mb = 2});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_THAT(results[0].error, HasSubstr(".txt has 2097153 bytes, more than 2 MB"));
  EXPECT_THAT(results[1].error, HasSubstr("caption of field: has more than 2 MB"));
  EXPECT_EQ(results[2].error, "");
}

TEST(Limits, AFolderHasTheSameBounds) {
  const ScratchFolder scratch;
  scratch.write("in/long.txt", std::string((1 << 20) + 1, 'x'));
  scratch.write("in/fine.txt", "a box");
  DataOptions data = data_of(scratch / "in", "caption", caption_role());
  data.limits.text_mb = 1;
  const auto results = read_all(*open_source(data, "all"));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error, "");
  EXPECT_THAT(results[1].error, HasSubstr(".txt has 1048577 bytes, more than 1 MB"));
}

TEST(Limits, WhatASamplesMembersHaveTogetherIsBounded) {
  MemberRequest request;
  request.roles["speech"] = sound_role();
  Members others;
  others.bytes["wav"] = std::string(1 << 20, '\0');
  EXPECT_EQ(request.too_long("wav", kLongestMember, {}), "");
  EXPECT_EQ(request.too_long("wav", kLongestMember - (1 << 20), others), "");
  EXPECT_EQ(request.too_long("wav", kLongestMember - (1 << 20) + 1, others),
            ".wav has 267386881 bytes, with the others more than 256 MB");
}

TEST(Limits, AKeyIsNoLongerThanAPathMayBe) {
  const auto results = read_tar(
      {{std::string(kLongestKey, 'k') + ".txt", "x", ""}, {std::string(kLongestKey - 4, 'k') + ".txt", "y", ""}},
      "caption", caption_role());
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error, "an unsafe name");
  EXPECT_EQ(results[0].sample.key.size(), kLongestKey);
  EXPECT_EQ(caption_of(results[1].sample), "y");
}

// A tar may say any bytes; libarchive ends a name at the first NUL.
TEST(Limits, NamesWithNulAndLineEndsAreTold) {
  const ScratchFolder scratch;
  write_tar(scratch / "set.tar", {{"a\nb.txt", "x", ""}, {"c\td.txt", "x", ""}, {"e_f.txt", "y", ""}});
  std::string bytes = scratch.read("set.tar");
  const std::size_t header = bytes.find("e_f.txt");
  bytes[header + 1] = '\0';
  int sum = 0;
  for (std::size_t at = 0; at < 512; ++at)
    sum += at >= 148 && at < 156 ? ' ' : static_cast<unsigned char>(bytes[header + at]);
  std::snprintf(&bytes[header + 148], 7, "%06o", static_cast<unsigned>(sum) & 077777u);
  scratch.write("set.tar", bytes);
  const auto results = read_all(*open_source(data_of(scratch / "set.tar", "caption", caption_role()), "all"));
  ASSERT_EQ(results.size(), 2u) << "what is left of the last name has no extension and is passed over";
  EXPECT_EQ(results[0].sample.key, "a?b.txt");
  EXPECT_EQ(results[1].sample.key, "c?d.txt");
  for (const ReadResult& result : results) EXPECT_EQ(result.error, "an unsafe name");
}

TEST(Limits, SymbolicLinksInAFolderAreNoFilesOfOthers) {
  const ScratchFolder scratch;
  scratch.write("in/fine.txt", "a box");
  std::filesystem::create_symlink(scratch / "nowhere", scratch / "in/lost.txt");
  std::filesystem::create_directory_symlink(scratch.path(), scratch / "in/loop");
  const auto results = read_all(*open_source(data_of(scratch / "in", "caption", caption_role()), "all"));
  ASSERT_EQ(results.size(), 1u) << "links to folders are not followed, and one that leads nowhere is no file";
  EXPECT_EQ(results[0].sample.key, "fine");
}

TEST(Limits, LargePicturesAreDecodedOneAtATime) {
  RoleOptions picture = picture_role();
  picture.rows = picture.columns = 8;
  picture.fit = FitPolicy::kStretch;
  const ScratchFolder scratch;
  const std::string png = grey_png(2'100, 4'000, 77);
  write_tar(scratch / "set.tar", {{"a.png", png, ""}, {"b.png", png, ""}, {"c.png", png, ""}});
  const auto source =
      open_source(data_of(scratch / "set.tar", "picture", picture), "all", {}, {.look = [](ReadResult& result) {
                    // Seen while it is large, and while no other is.
                    static std::atomic<int> at_once{0};
                    result.sample.meta["at once"] = ++at_once;
                    std::this_thread::yield();
                    --at_once;
                  }});
  std::vector<ReadResult> results;
  while (auto result = source->next()) results.push_back(std::move(*result));
  std::vector<std::thread> threads;
  for (ReadResult& result : results) threads.emplace_back([&result] { finish(result); });
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(results.size(), 3u);
  for (const ReadResult& result : results) {
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.sample.meta.at("at once"), 1);
    EXPECT_TRUE(std::get<Image>(result.sample.roles.at("picture")).pixels_HWC.eq(77).all().item<bool>());
  }
}

TEST(Limits, WhatCannotBeIsRefusedByItsKey) {
  const auto refusal = [](const LimitOptions& limits) {
    return message_of<InputError>([&limits] { limits.validate(); });
  };
  EXPECT_THAT(refusal({.max_seconds = 0.0}), HasSubstr("max_seconds: must lie in 0..86400"));
  EXPECT_THAT(refusal({.max_megapixels = -1.0}), HasSubstr("max_megapixels: must lie in 0..1000"));
  EXPECT_THAT(refusal({.film_hours = 1e9}), HasSubstr("film_hours: must lie in 0..8760"));
  EXPECT_THAT(refusal({.text_mb = 257}), HasSubstr("text_mb: must lie in 1..256"));
  EXPECT_THAT(refusal({.json_levels = 5000}), HasSubstr("json_levels: must lie in 1..1000"));
}

}  // namespace
}  // namespace palimpsest
