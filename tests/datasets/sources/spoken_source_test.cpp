#include "datasets/sources/spoken_source.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/loading/media_set.h"
#include "datasets/sources/open_source.h"
#include "datasets/sources/speech.h"
#include "modalities/media/audio.h"
#include "tests/datasets/small_data.h"
#include "tests/support/full_disk.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

DataOptions spoken_data(const ScratchFolder& scratch, const std::vector<std::string>& voices) {
  DataOptions data = tiny_data();
  data.roles["speech"] = speech_role();
  data.splits["all"].voices = voices;
  data.splits["all"].to = 0.4;
  data.speech.cache = (scratch / "speech").string();
  return data;
}

const Audio& speech_of(const Sample& sample) { return std::get<Audio>(sample.roles.at("speech")); }

std::int64_t kept_sounds(const ScratchFolder& scratch) {
  std::int64_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch / "speech"))
    count += entry.path().extension() == ".wav";
  return count;
}

TEST(SpokenSource, SpeaksEachCaptionOnceAndTheSameEveryTime) {
  const ScratchFolder scratch;
  DataOptions data = spoken_data(scratch, {"slt", "rms"});
  const auto first = load_media_set(data, "all", {"caption", "speech"});
  ASSERT_GE(first.size(), 4u);
  const std::int64_t kept = kept_sounds(scratch);
  data.speech.processes = 1;
  const auto second = load_media_set(data, "all", {"caption", "speech"});
  EXPECT_EQ(kept_sounds(scratch), kept);
  ASSERT_EQ(second.size(), first.size());
  std::set<std::string> voices;
  for (std::size_t index = 0; index < first.size(); ++index) {
    EXPECT_EQ(first[index].key, second[index].key);
    EXPECT_TRUE(speech_of(first[index]).samples_N.equal(speech_of(second[index]).samples_N));
    EXPECT_EQ(speech_of(first[index]).sample_rate, 16'000);
    EXPECT_GT(speech_of(first[index]).samples_N.numel(), 16'000 / 4);
    voices.insert(first[index].meta.at("voice").get<std::string>());
  }
  EXPECT_EQ(voices, (std::set<std::string>{"rms", "slt"}));
}

TEST(SpokenSource, VoiceHangsOnTheKeyAlone) {
  std::map<std::string, int> counts;
  for (int number = 0; number < 400; ++number) ++counts[voice_of("sample " + std::to_string(number), {"a", "b"})];
  EXPECT_GT(counts["a"], 150);
  EXPECT_GT(counts["b"], 150);
  EXPECT_EQ(voice_of("x", {"a", "b"}), voice_of("x", {"a", "b"}));
}

TEST(SpokenSource, ReadOnlyToBeSpokenIsDropped) {
  const ScratchFolder scratch;
  const auto samples = load_media_set(spoken_data(scratch, {"awb"}), "all", {"speech"});
  EXPECT_EQ(samples.front().roles.size(), 1u);
  EXPECT_EQ(samples.front().meta.at("voice"), "awb");
}

TEST(SpokenSource, TextIsNeverACommandNorAnOption) {
  const ScratchFolder scratch;
  SpeechOptions options;
  options.cache = (scratch / "speech").string();
  const Speaker speaker(options, {"slt"});
  const std::string text = "--help; touch " + (scratch / "made").string() + " `touch x` $(touch y)";
  const Audio audio = speaker.finish(speaker.start(text, "slt"), 16'000, "text");
  EXPECT_GT(audio.samples_N.numel(), 16'000);
  EXPECT_FALSE(std::filesystem::exists(scratch / "made"));
}

TEST(SpokenSource, DamagedKeptSoundIsSpokenAgain) {
  const ScratchFolder scratch;
  SpeechOptions options;
  options.cache = (scratch / "speech").string();
  const Speaker speaker(options, {"slt"});
  const Audio fine = speaker.finish(speaker.start("apple", "slt"), 16'000, "apple");
  const Speaker::Job kept = speaker.start("apple", "slt");
  EXPECT_EQ(kept.process, 0);
  write_file_atomically(kept.kept, "RIFF");
  EXPECT_TRUE(speaker.finish(kept, 16'000, "apple").samples_N.equal(fine.samples_N));
  EXPECT_TRUE(speaker.finish(speaker.start("apple", "slt"), 16'000, "apple").samples_N.equal(fine.samples_N));
}

TEST(SpokenSource, SilenceIsTheTextsFaultAndAFullDiskIsTheMachines) {
  const ScratchFolder scratch;
  SpeechOptions options;
  options.cache = (scratch / "speech").string();
  const Speaker speaker(options, {"slt"});
  EXPECT_THAT(message_of<InputError>([&] { speaker.finish(speaker.start("...", "slt"), 16'000, "speech of x"); }),
              HasSubstr("speech of x: flite: made a sound that is silent"));
  const FullDisk full(3000);
  EXPECT_THAT(message_of<IoError>([&] { speaker.finish(speaker.start("apple", "slt"), 16'000, "speech of x"); }),
              HasSubstr("flite: did not write the whole sound of speech of x; is the disk full?"));
  EXPECT_EQ(kept_sounds(scratch), 1) << "the silent one";
}

TEST(SpokenSource, MissingProgramTellsThePackage) {
  const ScratchFolder scratch;
  DataOptions data = spoken_data(scratch, {"slt"});
  data.speech.program = "no-such-speech-program";
  const std::string message = message_of<InputError>([&] { open_source(data, "all"); });
  EXPECT_THAT(message, HasSubstr("no-such-speech-program"));
  EXPECT_THAT(message, HasSubstr("package 'flite'"));
}

TEST(SpokenSource, UnknownVoiceSuggestsTheNearest) {
  const ScratchFolder scratch;
  EXPECT_THAT(message_of<InputError>([&] { open_source(spoken_data(scratch, {"slts"}), "all"); }),
              HasSubstr("did you mean 'slt'"));
}

TEST(TrimSilence, CutsTheEndsAndKeepsTheMargin) {
  const Audio audio{at::tensor({0.0f, 0.001f, 0.5f, 0.0f, -0.4f, 0.002f, 0.0f, 0.0f}), 8000};
  EXPECT_TRUE(trim_silence(audio, 0.01, 0).samples_N.equal(at::tensor({0.5f, 0.0f, -0.4f})));
  EXPECT_TRUE(trim_silence(audio, 0.01, 1).samples_N.equal(at::tensor({0.001f, 0.5f, 0.0f, -0.4f, 0.002f})));
  EXPECT_EQ(trim_silence(audio, 0.01, 100).samples_N.numel(), 8);
  EXPECT_EQ(trim_silence(audio, 0.9, 1).samples_N.numel(), 0);
}

}  // namespace
}  // namespace palimpsest
