// Media decoded in processes of their own: the same bytes, and what a bad file can do to them.
#include "modalities/media/apart.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "modalities/media/audio.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/child.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

MediaForm image_form() { return {.kind = "image"}; }

std::string decode_error(const ApartOptions& options, const std::string& bytes) {
  ApartDecoders decoders(options);
  return message_of<InputError>([&] { decoders.decode(bytes, "p.png", image_form()); });
}

PrepareReport prepare_apart(const TinyPreparation& tiny, const PrepareOptions& options, const std::string& name,
                            std::int64_t workers) {
  PrepareRun run;
  run.program = PALIMPSEST_PROGRAM;
  run.workers = workers;
  return prepare_data(options, tiny.folder / name, run);
}

TEST(Apart, MediaAndRefusalsAreTheSame) {
  ApartDecoders decoders({.program = PALIMPSEST_PROGRAM});
  const std::string png = grey_png(7, 9, 50), sound = encode_wav({at::sin(at::arange(5'000) * 0.1), 8'000});
  for (int round = 0; round < 2; ++round) {  // the second by the process of the first
    const auto picture = decoders.decode(png, "p.png", image_form());
    EXPECT_TRUE(std::get<Image>(picture.media).pixels_HWC.equal(decode_image(png, "p.png").pixels_HWC));
    EXPECT_EQ(message_of<InputError>([&] { decoders.decode("no picture", "p.png", image_form()); }),
              message_of<InputError>([] { decode_image("no picture", "p.png"); }));
    const auto heard = std::get<Audio>(decoders.decode(sound, "s.wav", {.kind = "audio"}).media);
    EXPECT_TRUE(heard.samples_N.equal(decode_audio(sound, 16'000, "s.wav").samples_N));
    EXPECT_EQ(heard.sample_rate, 16'000);
  }
  MediaForm small = image_form();
  small.limits.image.max_pixels = 62;
  EXPECT_THAT(message_of<InputError>([&] { decoders.decode(png, "p.png", small); }), HasSubstr("at most 62 in all"));
}

TEST(Apart, ALargePictureIsAskedFor) {
  ApartDecoders decoders({.program = PALIMPSEST_PROGRAM});
  MediaForm form = image_form();
  int asked = 0;
  form.limits.image.large_pixels = 62;
  form.limits.image.before_large = [&asked] { ++asked; };
  decoders.decode(grey_png(7, 9), "p.png", form);
  EXPECT_EQ(asked, 1);
}

TEST(Apart, MemoryAndTimeOfAProcessAreBounded) {
  EXPECT_THAT(decode_error({.program = PALIMPSEST_PROGRAM, .memory_mb = 64}, grey_png(6'000, 8'000)),
              HasSubstr("p.png: cannot be decoded"));
  const ScratchFolder scratch;
  const auto slow = scratch.write("slow.sh", "#!/bin/sh\nexec sleep 1000\n");
  std::filesystem::permissions(slow, std::filesystem::perms::owner_all);
  EXPECT_THAT(decode_error({.program = slow.string(), .stall_seconds = 0.1}, "x"), HasSubstr("said nothing for 0.1"));
  const auto gone = scratch.write("gone.sh", "#!/bin/sh\nexit 3\n");
  std::filesystem::permissions(gone, std::filesystem::perms::owner_all);
  EXPECT_THAT(decode_error({.program = gone.string()}, "x"),
              testing::AnyOf(HasSubstr("was ended with status 3"), HasSubstr("cannot be written to")));
}

TEST(Apart, APreparationHasTheSameBytes) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.options();
  options.tokenizers.erase("speech");
  options.data.roles.erase("speech");
  tiny.prepare(options, "together");
  options.prepare.apart = true;
  prepare_apart(tiny, options, "apart", 2);
  EXPECT_EQ(differences(tiny.files("apart"), tiny.files("together")), "");
}

TEST(Apart, AFileThatEndsItsDecoderFailsAloneAndIsTold) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.options();
  for (const char* role : {"caption", "speech"}) {
    options.tokenizers.erase(role);
    options.data.roles.erase(role);
  }
  options.data.splits = {{"all", {}}};
  options.prepare.apart = true;
  const int status = status_of(start_child([&] {
    ::setenv("PALIMPSEST_FAILPOINT", "decode.apart:3", 1);  // every process at its third picture
    prepare_apart(tiny, options, "out", 1);
  }));
  EXPECT_EQ(status, 0);
  std::int64_t failed = 0;
  for (const LedgerRow& row : tiny.ledger("out")) {
    EXPECT_EQ(row.outcome, row.index % 3 == 2 ? Outcome::kFailed : Outcome::kKept) << row.index;
    if (row.outcome != Outcome::kFailed) continue;
    EXPECT_THAT(row.reason, HasSubstr("was ended by signal 9"));
    ++failed;
  }
  EXPECT_EQ(failed, 8);
}

}  // namespace
}  // namespace palimpsest
