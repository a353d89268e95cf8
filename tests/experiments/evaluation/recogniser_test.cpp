#include "experiments/evaluation/recogniser.h"

#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/errors.h"
#include "experiments/evaluation/ngrams.h"
#include "modalities/media/audio.h"

namespace palimpsest {
namespace {

Audio speak(const std::string& text) {
  const ScratchDirectory scratch("speak");
  const auto path = scratch.path() / "speech.wav";
  run_program({"flite", "-voice", "slt", "-t", text, "-o", path.string()});
  return load_audio(path, 16'000);
}

TEST(Recogniser, PicksTheCaptionThatWasSpoken) {
  const std::vector<std::string> candidates{"goose",         "old key",   "trident emblem",
                                            "smirking face", "button: 7", "red apple"};
  std::vector<Audio> sounds;
  for (const std::string& candidate : candidates) sounds.push_back(speak(candidate));
  const auto answers = Recogniser().recognise(sounds, candidates);
  ASSERT_EQ(answers.size(), candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) EXPECT_EQ(answers[i], std::optional(i)) << candidates[i];
}

TEST(Recogniser, HearsNothingInSilence) {
  const Audio silence{at::zeros({16'000}), 16'000};
  const auto answers = Recogniser().recognise({silence, speak("goose")}, {"old key", "goose"});
  EXPECT_EQ(answers[0], std::nullopt);
  EXPECT_EQ(answers[1], std::optional<std::size_t>(1));
}

TEST(Recogniser, KnowsItsDictionary) {
  const Recogniser recogniser;
  EXPECT_TRUE(recogniser.knows("button: 7"));
  EXPECT_FALSE(recogniser.knows("flag: Åland Islands"));
  EXPECT_FALSE(recogniser.knows("!?"));
  EXPECT_THROW(recogniser.recognise({}, {"zxqv"}), c10::Error);
  EXPECT_THROW(recogniser.recognise({}, {"red apple", "Red apple!"}), c10::Error);
}

TEST(Recogniser, SpokenWordsNameDigitsAndDropSigns) {
  EXPECT_EQ(spoken_words("Keycap: 7"), (std::vector<std::string>{"keycap", "seven"}));
  EXPECT_EQ(spoken_words("1st place-medal"), (std::vector<std::string>{"one", "st", "place", "medal"}));
}

TEST(ChildProcess, AMissingProgramIsNamed) {
  EXPECT_THROW(run_program({"no-such-program-here"}), IoError);
  EXPECT_THROW(run_program({"false"}), IoError);
  EXPECT_TRUE(find_program("no-such-program-here").empty());
}

TEST(ChildProcess, ItsOutputIsWholeWhateverItsLength) {
  EXPECT_EQ(program_output({"echo", "red", "apple"}), "red apple\n");
  EXPECT_EQ(program_output({"head", "-c", "300000", "/dev/zero"}), std::string(300'000, '\0'));
  EXPECT_EQ(program_output({"cat"}), "");  // there is no input
  EXPECT_THROW(program_output({"false"}), IoError);
}

TEST(Ngrams, SimilarityIsOneForEqualAndZeroForStrangers) {
  EXPECT_NEAR(text_similarity("red apple", "Red Apple!"), 1.0, 1e-12);
  EXPECT_EQ(text_similarity("abc", "xyz"), 0.0);
  EXPECT_GT(text_similarity("red apple", "green apple"), text_similarity("red apple", "green grapes"));
  EXPECT_EQ(features_of("Red"), (std::vector<std::string>{"red", "<re", "red", "ed>"}));
}

}  // namespace
}  // namespace palimpsest
