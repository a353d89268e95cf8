// palimpsest inspect, run as a person runs it, on what the program itself makes.
#include "experiments/cli/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backbone/diffusion/catalogue.h"
#include "datasets/sources/source_form.h"
#include "experiments/evaluation/metric.h"
#include "modalities/media/audio.h"
#include "modalities/media/image.h"
#include "pipelines/sampling/catalogue.h"
#include "pipelines/sampling/options.h"
#include "tests/pipelines/tiny_checkpoint.h"
#include "tests/support/command.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::int64_t kSamples = 12, kPictureSize = 16;

// A folder of pictures and captions, made shards by the program with the tiny checkpoint's tokenizers. Captions are the
// letters of their number, so that lengths are known: sample i has i + 1 bytes. The last one is longer than its bound.
void prepare_pictures(const ScratchFolder& scratch) {
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const std::string name = "media/" + std::string(1, static_cast<char>('a' + i));
    const at::Tensor pixels_HWC = at::full({kPictureSize, kPictureSize, 3}, 20 * i, at::kByte);
    scratch.write(name + ".txt", std::string(static_cast<std::size_t>(i) + 1, static_cast<char>('a' + i)));
    save_png({pixels_HWC}, scratch / (name + ".png"));
  }
  scratch.write("media/z.png", "no picture");
  scratch.write("media/z.txt", "z");
  scratch.write("prepare.toml",
                "[data]\nsource = 'media'\n[data.roles.caption]\nkind = 'text'\nmembers = ['txt']\n"
                "[data.roles.picture]\nkind = 'image'\nmembers = ['png']\nrows = 16\ncolumns = 16\n"
                "[data.splits.all]\n"
                "[tokenizers.caption]\npath = 'tiny/tokenizers/caption'\nmax_tokens = 11\n"
                "[tokenizers.picture]\npath = 'tiny/tokenizers/picture'\n");
  const CommandOutcome outcome =
      run_palimpsest(scratch, "prepare prepare.toml --out shards --device cpu --dtype fp32 --threads 1");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
}

class Inspect : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new ScratchFolder;
    write_checkpoint({scratch() / "tiny"});
    prepare_pictures(scratch());
  }
  static void TearDownTestSuite() {
    delete shared_;
    shared_ = nullptr;
  }
  static const ScratchFolder& scratch() { return *shared_; }

  static Facts facts_of(const std::string& arguments) {
    const CommandOutcome outcome = run_palimpsest(scratch(), "inspect " + arguments + " --json");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const Facts facts = Facts::parse(outcome.out, nullptr, false);
    EXPECT_FALSE(facts.is_discarded()) << outcome.out;
    return facts;
  }
  static void expect_refused(const std::string& arguments, const std::string& message) {
    const CommandOutcome outcome = run_palimpsest(scratch(), "inspect " + arguments);
    EXPECT_EQ(outcome.code, 2) << arguments << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  static inline ScratchFolder* shared_ = nullptr;
};

TEST_F(Inspect, ACheckpointTellsItsNetItsCanvasAndItsTokenizers) {
  const Facts facts = facts_of("tiny --tensors");
  EXPECT_EQ(facts.at("what"), "checkpoint");
  EXPECT_EQ(facts.at("kind"), "backbone");
  EXPECT_EQ(facts.at("backbone").at("width"), 32);
  EXPECT_EQ(facts.at("backbone").at("rope_base"), 10'000.0);  // a default that the recipe does not spell out
  EXPECT_EQ(facts.at("canvas").at("positions"), 12 + 4 + 8);
  const Facts& caption = facts.at("canvas").at("roles").at(0);
  EXPECT_EQ(caption.at("role"), "caption");
  EXPECT_EQ(caption.at("bound"), 12);
  EXPECT_EQ(caption.at("elastic"), true);
  EXPECT_EQ(caption.at("first_id"), kFirstModalityId);
  EXPECT_EQ(caption.at("ids"), 256);
  for (const Facts& row : facts.at("tokenizers")) {
    const fs::path place = scratch() / "tiny" / "tokenizers" / row.at("role").get<std::string>();
    EXPECT_EQ(row.at("fingerprint"), tokenizer_fingerprint(place)) << row;
  }
  EXPECT_EQ(facts.at("schedules").at(2).at("kind"), "linear");
  std::int64_t scalars = 0;
  for (const Facts& row : facts.at("tensors")) scalars += row.at("scalars").get<std::int64_t>();
  EXPECT_EQ(facts.at("parameters"), scalars);
}

TEST_F(Inspect, TheSameIsReadableWithoutJson) {
  const CommandOutcome outcome = run_palimpsest(scratch(), "inspect tiny");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("kind        backbone\n"));
  EXPECT_THAT(outcome.out, HasSubstr("  role     modality  bound  elastic  first id  ids\n"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("\ntensors\n")));
}

TEST_F(Inspect, StoredScoresAreToldAsTheyWereStored) {
  write_checkpoint({scratch() / "scored"});
  save_scores({rate_row("caption for a picture", "unseen", {true, false, false, true})},
              scratch() / "scored/scores.json");
  const Facts scores = facts_of("scored").at("scores");
  ASSERT_EQ(scores.size(), 1u);
  EXPECT_EQ(scores.at(0).at("name"), "caption for a picture");
  EXPECT_EQ(scores.at(0).at("value"), 0.5);
  EXPECT_EQ(scores.at(0).at("samples"), 4);
}

TEST_F(Inspect, ARunIsItsNewestCheckpoint) {
  write_checkpoint({scratch() / "runs/one/checkpoints/step-00000006"});
  write_checkpoint({scratch() / "runs/one/checkpoints/step-00000012"});
  EXPECT_EQ(facts_of("runs/one").at("path"), "runs/one/checkpoints/step-00000012");
}

TEST_F(Inspect, ATokenizersCheckpointTellsTheTokenizer) {
  const fs::path place = scratch() / "runs/bpe/checkpoints/step-00000001";
  write_checkpoint({place});
  fs::copy(place / "tokenizers/caption", place / "tokenizer");
  fs::remove_all(place / "tokenizers");
  write_file_atomically(place / "recipe.toml", "kind = 'tokenizer'\n[training]\nsteps = 7\n");
  const Facts facts = facts_of("runs/bpe");
  EXPECT_EQ(facts.at("kind"), "tokenizer");
  EXPECT_EQ(facts.at("training").at("steps_planned"), 7);
  EXPECT_EQ(facts.at("tokenizer").at("kind"), "bpe");
}

TEST_F(Inspect, PreparedDataTellSplitsLengthsVocabularyAndWhatWasLeftOut) {
  const Facts facts = facts_of("shards");
  const Facts& split = facts.at("splits").at(0);
  EXPECT_EQ(split.at("split"), "all");
  EXPECT_EQ(split.at("rows"), 11);
  EXPECT_EQ(split.at("kept"), 11);
  EXPECT_EQ(split.at("filtered"), 1);  // twelve bytes, bound 11
  EXPECT_EQ(split.at("failed"), 1);    // no picture
  EXPECT_EQ(split.at("complete"), true);
  const Facts& caption = facts.at("lengths").at(0);  // lengths 1 to 11
  EXPECT_EQ(caption.at("role"), "caption");
  EXPECT_EQ(caption.at("rows"), 11);
  EXPECT_EQ(caption.at("shortest"), 1);
  EXPECT_EQ(caption.at("p10"), 2);
  EXPECT_EQ(caption.at("p50"), 6);
  EXPECT_EQ(caption.at("p90"), 10);
  EXPECT_EQ(caption.at("longest"), 11);
  const Facts& use = facts.at("vocabulary_use").at(0);
  EXPECT_EQ(use.at("ids"), 256);
  EXPECT_EQ(use.at("used"), 11);  // a letter each
  EXPECT_EQ(use.at("tokens"), 66);
  EXPECT_LT(use.at("entropy_bits").get<double>(), std::log2(11.0));
  EXPECT_EQ(use.at("most_bits"), 8.0);
  EXPECT_EQ(use.at("fingerprint"), tokenizer_fingerprint(scratch() / "tiny/tokenizers/caption"));
  ASSERT_EQ(facts.at("first_left_out").size(), 2u);
  EXPECT_EQ(facts.at("first_left_out").at(1).at("key"), "z");
}

TEST_F(Inspect, ADamagedShardIsNamedWithItsChunk) {
  fs::copy(scratch() / "shards", scratch() / "damaged");
  std::string bytes = scratch().read("damaged/all-00000.h5");
  bytes[bytes.size() / 2] ^= 1;
  scratch().write("damaged/all-00000.h5", bytes);
  expect_refused("damaged", "damaged/all-00000.h5: is damaged: ");
}

TEST_F(Inspect, AContactSheetShowsTheFirstRowsPicturesAndCaptions) {
  const CommandOutcome outcome =
      run_palimpsest(scratch(), "inspect shards --contact-sheet sheet.png --tokenizers tiny --rows 10");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const at::Tensor pixels_HWC = load_image(scratch() / "sheet.png").pixels_HWC;
  EXPECT_EQ(pixels_HWC.size(1), 8 * (128 + 4));  // pictures of 16 pixels, enlarged eight times
  EXPECT_GE(pixels_HWC.size(0), 2 * (128 + 4));
  const at::Tensor label_HWC = pixels_HWC.slice(0, 128, 145).slice(1, 0, 128);  // under the first picture
  EXPECT_TRUE(label_HWC.lt(128).any().item<bool>()) << "no letters";
  EXPECT_TRUE(label_HWC.slice(1, 64).eq(255).all().item<bool>()) << "one letter, at the left";
}

TEST_F(Inspect, APageHasFiguresHistogramsPicturesAndWordsAndNeedsNothingElse) {
  const CommandOutcome outcome =
      run_palimpsest(scratch(), "inspect shards --html page.html --tokenizers tiny --rows 3 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string page = scratch().read("page.html");
  for (const char* part : {"<title>Prepared data", "rows by number of ids", "Vocabulary use", "data:image/png;base64,"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  EXPECT_EQ(page.find("src=\"http"), std::string::npos);
  const Facts histogram = Facts::parse(outcome.out).at("histograms").at(0);
  std::int64_t rows = 0;
  for (const auto& count : histogram.at("rows")) rows += count.get<std::int64_t>();
  EXPECT_EQ(rows, Facts::parse(outcome.out).at("lengths").at(0).at("rows"));
  expect_refused("shards --html page.htm --tokenizers tiny", "--html: must end in .html");
  expect_refused("tiny --html page.html --tokenizers tiny", "--html: needs a directory that prepare wrote");
}

TEST_F(Inspect, ASheetOfAnotherTokenizersIdsIsRefused) {
  write_checkpoint({scratch() / "other"});
  scratch().write("other/tokenizers/caption/more.txt", "another fingerprint");
  expect_refused("shards --contact-sheet sheet2.png --tokenizers other", "made by another tokenizer");
  expect_refused("shards --contact-sheet sheet2.png", "--tokenizers: is missing");
  expect_refused("shards --contact-sheet sheet2.jpg --tokenizers tiny", "must end in .png");
  expect_refused("shards --contact-sheet sheet2.png --tokenizers tiny --split none", "no split 'none'");
  expect_refused("tiny --contact-sheet sheet2.png --tokenizers tiny", "needs a directory that prepare wrote");
  EXPECT_FALSE(fs::exists(scratch() / "sheet2.png"));
}

TEST_F(Inspect, ATokenizerTellsItsKindItsSpaceAndItsSettings) {
  const Facts picture = facts_of("tiny/tokenizers/picture");
  EXPECT_EQ(picture.at("what"), "tokenizer");
  EXPECT_EQ(picture.at("kind"), "fsq-image");
  EXPECT_EQ(picture.at("ids"), 16);
  EXPECT_EQ(picture.at("picture_size"), 16);
  EXPECT_EQ(picture.at("settings").at("levels"), Facts({4, 4}));
  EXPECT_GT(picture.at("parameters").get<std::int64_t>(), 0);
  EXPECT_EQ(facts_of("tiny/tokenizers/speech").at("sample_rate"), 16'000);
}

TEST_F(Inspect, ARecipeIsToldWithWhatItInherits) {
  scratch().write("base.toml", "kind = 'backbone'\n[training]\nsteps = 5\nbatch = 4\n");
  scratch().write("mine.toml", "base = 'base.toml'\n[training]\nsteps = 9\n");
  const Facts facts = facts_of("mine.toml");
  EXPECT_EQ(facts.at("kind"), "backbone");
  EXPECT_EQ(facts.at("settings").at("training"), Facts({{"batch", 4}, {"steps", 9}}));
  EXPECT_EQ(facts_of("prepare.toml").at("kind"), "prepare");
}

TEST_F(Inspect, MediaFilesAreToldApartByContent) {
  save_png({at::zeros({20, 30, 3}, at::kByte)}, scratch() / "wide.dat");
  save_wav({at::full({4000}, 0.5, at::kFloat), 8'000}, scratch() / "tone.dat");
  scratch().write("words.dat", "zwei Wörter\n");
  const Facts picture = facts_of("wide.dat");
  EXPECT_EQ(picture.at("format"), "PNG");
  EXPECT_EQ(picture.at("rows"), 20);
  EXPECT_EQ(picture.at("columns"), 30);
  const Facts sound = facts_of("tone.dat");
  EXPECT_EQ(sound.at("sample_rate"), 8'000);
  EXPECT_EQ(sound.at("samples"), 4000);
  EXPECT_EQ(sound.at("seconds"), 0.5);
  EXPECT_EQ(sound.at("channels"), 1);
  const Facts text = facts_of("words.dat");
  EXPECT_EQ(text.at("code_points"), 12);
  EXPECT_EQ(text.at("lines"), 1);
}

TEST_F(Inspect, TheCataloguesAreListed) {
  const Facts all = facts_of("--samplers --diffusion --sources");
  EXPECT_EQ(all.size(), 3u);
  for (const auto& [name, catalogue] :
       {std::pair("samplers", sampler_catalogue()), std::pair("diffusion", diffusion_catalogue()),
        std::pair("sources", source_catalogue())}) {
    const Facts& rows = all.at(name);
    ASSERT_EQ(rows.size(), catalogue.size());
    for (std::size_t i = 0; i < catalogue.size(); ++i) {
      const CatalogueEntry& entry = catalogue[i];
      EXPECT_EQ(rows.at(i),
                Facts({{"option", entry.group}, {"value", entry.name}, {"does", entry.line}, {"paper", entry.paper}}));
    }
  }
  EXPECT_EQ(facts_of("--diffusion").size(), 1u);
}

TEST_F(Inspect, WhatIsMissingOrUnknownIsRefusedInOneMessage) {
  scratch().write("empty/readme", "nothing");
  scratch().write("noise.bin", std::string("\xFF\xFE\x00\x01", 4));
  scratch().write("broken.toml", "kind = \n");
  write_checkpoint({scratch() / "half"});
  fs::remove(scratch() / "half/state.json");
  expect_refused("", "THING: is missing");
  expect_refused("none.png", "none.png: there is no such file or directory");
  expect_refused("nothing", "no such checkpoint, run or name");
  expect_refused("empty", "is not recognised: holds neither manifest.json");
  expect_refused("noise.bin", "is not recognised: no picture, no UTF-8 text, no sound or film");
  expect_refused("broken.toml", "broken.toml: line 1");
  expect_refused("half", "state.json: is missing");
  fs::create_directories(scratch() / "fresh/checkpoints");
  expect_refused("fresh", "the run has no checkpoint yet");
}

}  // namespace
}  // namespace palimpsest::test
