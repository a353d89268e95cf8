#include "datasets/sources/video_source.h"

#include <gmock/gmock.h>

#include "datasets/prepare/ledger.h"
#include "datasets/prepare/prepare.h"
#include "datasets/shards/manifest.h"
#include "datasets/sources/open_source.h"
#include "modalities/media/clips.h"
#include "tests/datasets/small_data.h"
#include "tests/datasets/tar_writer.h"
#include "tests/modalities/media/encode_media.h"
#include "tests/support/child.h"
#include "tests/support/scratch.h"
#include "tests/tokenizers/untrained.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

// 50 frames at 10 a second, frame i grey of level 4 i; a sound whose second half is loud.
std::string grey_film(bool with_sound) {
  std::vector<at::Tensor> frames_HWC;
  for (int frame = 0; frame < 50; ++frame) frames_HWC.push_back(at::full({32, 32, 4}, 4 * frame, at::kByte));
  std::vector<float> channel(5 * 16'000, 0.0f);
  for (std::size_t at = channel.size() / 2; at < channel.size(); ++at) channel[at] = at % 16 < 8 ? 0.5f : -0.5f;
  const testing_support::Stereo sound{channel, channel, 16'000};
  return testing_support::encode_video("matroska", "mpeg4", frames_HWC, with_sound ? &sound : nullptr);
}

DataOptions film_data(const ScratchFolder& scratch) {
  DataOptions data;
  data.form = "video";
  data.source = scratch.path().string();
  data.video.clip_seconds = 1.5;
  data.roles["caption"] = caption_role();
  data.roles["picture"].kind = "image";
  data.roles["picture"].members = {"frame"};
  data.roles["speech"].kind = "audio";
  data.roles["speech"].members = {"sound"};
  data.roles["speech"].optional = true;
  data.splits["all"] = {};
  return data;
}

double grey_of(const Sample& sample, const std::string& role = "picture") {
  return std::get<Image>(sample.roles.at(role)).pixels_HWC.to(at::kFloat).mean().item<double>();
}

TEST(VideoSource, ClipsHavePicturesSoundAndTheFilmsCaption) {
  const ScratchFolder scratch;
  scratch.write("in/film.mkv", grey_film(true));
  scratch.write("in/film.txt", "it brightens");
  const auto clips = read_all(*open_source(film_data(scratch), "all"));
  ASSERT_EQ(clips.size(), 3u);  // half a second is left over
  for (std::size_t clip = 0; clip < 3; ++clip) {
    const Sample& sample = clips[clip].sample;
    ASSERT_EQ(clips[clip].error, "");
    EXPECT_EQ(sample.key, "in/film#" + std::to_string(clip + 1) + "of3");
    EXPECT_EQ(caption_of(sample), "it brightens");
    EXPECT_DOUBLE_EQ(sample.meta.at("start").get<double>(), 1.5 * static_cast<double>(clip));
    const double shown = 10 * (1.5 * static_cast<double>(clip) + 0.75);  // the frame at the clip's middle
    EXPECT_NEAR(grey_of(sample), 4 * std::floor(shown), 6) << clip;
    EXPECT_EQ(std::get<Audio>(sample.roles.at("speech")).samples_N.numel(), 24'000);
  }
  const auto loudness = [&](std::size_t clip) {
    return std::get<Audio>(clips[clip].sample.roles.at("speech")).samples_N.abs().mean().item<double>();
  };
  EXPECT_LT(loudness(0), 0.05);
  EXPECT_GT(loudness(2), 0.3);
}

TEST(VideoSource, SeveralFramesAreMembersOfTheirOwnAndSilenceIsAllowedByTheRole) {
  const ScratchFolder scratch;
  write_tar(scratch / "films.tar", {{"a.mkv", grey_film(false), ""}, {"a.txt", "it brightens", ""}});
  DataOptions data = film_data(scratch);
  data.source = (scratch / "*.tar").string();
  data.video.frames = 2;
  data.roles["picture"].members = {"frame-1"};
  data.roles["later"] = data.roles["picture"];
  data.roles["later"].members = {"frame-2"};
  const auto clips = read_all(*open_source(data, "all"));
  ASSERT_EQ(clips.size(), 3u);
  EXPECT_EQ(clips[0].sample.roles.count("speech"), 0u);
  EXPECT_LT(grey_of(clips[1].sample) + 10, grey_of(clips[1].sample, "later"));
  data.roles["speech"].optional = false;
  EXPECT_THAT(read_all(*open_source(data, "all")).at(0).error, HasSubstr("has no .sound"));
}

TEST(VideoSource, GoingOnGivesTheRest) {
  const ScratchFolder scratch;
  for (const char* name : {"a", "b"}) {
    scratch.write(std::string(name) + ".mkv", grey_film(false));
    scratch.write(std::string(name) + ".txt", name);
  }
  const DataOptions data = film_data(scratch);
  const auto all = read_all(*open_source(data, "all"));
  ASSERT_EQ(all.size(), 6u);
  for (std::size_t begun = 0; begun < all.size(); ++begun) {
    const auto rest = read_all(*open_source(data, "all", {}, {.done = static_cast<std::int64_t>(begun)}));
    ASSERT_EQ(rest.size(), all.size() - begun);
    EXPECT_EQ(rest.front().sample.key, all[begun].sample.key);
  }
}

TEST(VideoSource, FilmsThatCannotBeReadFailAlone) {
  const ScratchFolder scratch;
  const std::string film = grey_film(false);
  for (const char* name : {"a", "b", "c", "d", "e"}) scratch.write(std::string(name) + ".txt", name);
  scratch.write("a.mkv", "this is no film");
  scratch.write("b.mkv", film);
  scratch.write("b.mp4", film);
  scratch.write("c.mkv", film.substr(0, film.size() / 2));
  scratch.write("e.mkv", film);
  DataOptions data = film_data(scratch);
  const auto clips = read_all(*open_source(data, "all"));
  ASSERT_GE(clips.size(), 6u);
  EXPECT_THAT(clips[0].error, HasSubstr("a.mkv"));
  EXPECT_THAT(clips[1].error, HasSubstr("b: has both .mp4 and .mkv"));
  EXPECT_EQ(clips.back().sample.key, "e#3of3");
  EXPECT_EQ(clips.back().error, "");
  EXPECT_THAT(clips[clips.size() - 4].error, HasSubstr("d: has no film"));
  data.video.clip_seconds = 10;
  EXPECT_THAT(read_all(*open_source(data, "all")).back().error, HasSubstr("e.mkv: is shorter than a clip"));
}

bool same_media(const Sample& one, const Sample& other) {
  return one.roles.size() == other.roles.size() &&
         std::get<Image>(one.roles.at("picture"))
             .pixels_HWC.equal(std::get<Image>(other.roles.at("picture")).pixels_HWC) &&
         std::get<Audio>(one.roles.at("speech")).samples_N.equal(std::get<Audio>(other.roles.at("speech")).samples_N);
}

TEST(VideoSource, ClipsAndErrorsAreTheSameFromAProcessOfTheFilmsOwn) {
  const ScratchFolder scratch;
  const std::string film = grey_film(true);
  for (const char* name : {"a", "b", "c", "d"}) scratch.write(std::string(name) + ".txt", name);
  scratch.write("a.mkv", film);
  scratch.write("b.mkv", "this is no film");
  scratch.write("c.mkv", film.substr(0, film.size() / 2));
  scratch.write("d.mkv", film);
  const DataOptions data = film_data(scratch);
  const auto here = read_all(*open_source(data, "all"));
  ApartDecoders decoders({.program = PALIMPSEST_PROGRAM});
  Reading reading;
  reading.decoding = decoders.decoding();
  const auto apart = read_all(*open_source(data, "all", {}, reading));
  ASSERT_EQ(apart.size(), here.size());
  for (std::size_t clip = 0; clip < here.size(); ++clip) {
    EXPECT_EQ(apart[clip].sample.key, here[clip].sample.key);
    EXPECT_EQ(apart[clip].error, here[clip].error);
    if (!here[clip].error.empty()) continue;
    EXPECT_TRUE(same_media(apart[clip].sample, here[clip].sample)) << clip;
  }
}

TEST(VideoSource, AFilmThatEndsItsDecoderFailsFromThereOnAndTheNextIsRead) {
  const ScratchFolder scratch, out;
  test::save_untrained_tokenizers(out / "tokenizers");
  for (const char* name : {"a", "b"}) scratch.write(std::string(name) + ".mkv", grey_film(false));
  PrepareOptions options;
  options.data = film_data(scratch);
  options.data.roles.erase("caption");
  options.data.roles.erase("speech");
  RoleOptions& picture = options.data.roles.at("picture");
  picture.rows = picture.columns = 16;
  picture.fit = FitPolicy::kCrop;
  options.tokenizers["picture"].path = (out / "tokenizers/picture").string();
  options.prepare.apart = true;
  PrepareRun run;
  run.program = PALIMPSEST_PROGRAM;
  const int status = status_of(start_child([&] {
    ::setenv("PALIMPSEST_FAILPOINT", "decode.apart:3",
             1);  // a film is opened, its first clip read, its second asked for
    prepare_data(options, out / "data", run);
  }));
  ASSERT_EQ(status, 0);
  const auto rows = read_ledger(out / "data", read_manifest(out / "data").ledger_bytes);
  ASSERT_EQ(rows.size(), 6u);
  for (const LedgerRow& row : rows) {
    EXPECT_EQ(row.outcome, row.index % 3 == 0 ? Outcome::kKept : Outcome::kFailed) << row.key;
    if (row.outcome != Outcome::kFailed) continue;
    EXPECT_THAT(row.reason, HasSubstr("was ended by signal 9"));
  }
}

}  // namespace
}  // namespace palimpsest
