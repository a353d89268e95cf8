// What a person can get wrong and what a machine can run out of: the program names the thing, ends with 2 or 1, and
// what was there before still is.
#include <gmock/gmock.h>

#include "modalities/media/audio.h"
#include "modalities/media/image.h"
#include "tests/experiments/training/tiny_run.h"
#include "tests/pipelines/tiny_checkpoint.h"
#include "tests/support/command.h"
#include "tests/support/tree.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int kFailedCode = 1, kWrongInputCode = 2;

class BadInput : public testing::Test {
 protected:
  // Shards and a run of six steps of TinyRun's, an untrained checkpoint "tiny" of three roles, and media good and bad.
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    tiny_->make_shards();
    ASSERT_EQ(tiny_->run("train backbone.toml --run ./runs/short training.steps=6 training.warmup_steps=0").code, 0);
    test::write_checkpoint({folder() / "tiny"});
    save_png(Image{at::arange(16 * 16 * 3).remainder(256).to(at::kByte).view({16, 16, 3})}, folder() / "fine.png");
    save_wav(Audio{at::sin(at::arange(64'000).to(at::kFloat) / 8) / 2, 16'000}, folder() / "fine.wav");
    const std::string picture = tiny_->folder.read("fine.png"), sound = tiny_->folder.read("fine.wav");
    tiny_->folder.write("cut.png", picture.substr(0, picture.size() / 2));
    tiny_->folder.write("cut.wav", sound.substr(0, sound.size() / 2));
    tiny_->folder.write("fake.png", "a red apple\n");
    tiny_->folder.write("fake.wav", "a red apple\n");
    tiny_->folder.write("bad.txt", "red \xff apple\n");
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static const fs::path& folder() { return tiny_->folder.path(); }

  // Everything in the folder but what the last command said.
  static std::map<std::string, std::string> content() {
    auto files = files_of(folder());
    files.erase("out.txt");
    files.erase("err.txt");
    return files;
  }

  static std::int64_t messages(const std::string& talk) {
    std::istringstream lines(talk);
    std::int64_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line.starts_with("palimpsest: ");
    return count;
  }

  // The command ends with `code` and one message that holds `words`, and changes no file.
  static void expect_refused(const std::string& command, const std::string& words, int code = kWrongInputCode) {
    const auto before = content();
    const CommandOutcome outcome = tiny_->run(command, code == kFailedCode ? kNoRoom : "");
    EXPECT_EQ(outcome.code, code) << command << "\n" << outcome.err;
    EXPECT_EQ(messages(outcome.err), 1) << command << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(words)) << command;
    EXPECT_EQ(outcome.out, "") << command;
    EXPECT_EQ(differences(content(), before), "") << command;
  }

  // No file grows past 512 bytes, or 8 KB, as on a disk without room; works for any user.
  static constexpr const char* kNoRoom = "sh -c 'trap \"\" XFSZ; ulimit -f 1; exec \"$@\"' sh";
  static constexpr const char* kLittleRoom = "sh -c 'trap \"\" XFSZ; ulimit -f 16; exec \"$@\"' sh";

  static inline TinyRun* tiny_ = nullptr;
};

TEST_F(BadInput, MissingFiles) {
  expect_refused("encode tiny/tokenizers/picture none.png", "none.png: no such file");
  expect_refused("encode tiny/tokenizers/picures fine.png", "tiny/tokenizers/picures: is not a tokenizer's directory");
  expect_refused("decode tiny/tokenizers/picture none.json --out new.png", "none.json: no such file");
  expect_refused("generate tiny --given picture=none.png --want caption --out new", "none.png: no such file");
  expect_refused("generate nowhere --want caption --out new", "nowhere: no such checkpoint");
  expect_refused("evaluate tiny --data nowhere", "nowhere: manifest.json: is missing");
  expect_refused("prepare none.toml --out new", "none.toml: no such file");
  expect_refused("prepare prepare.toml --out new data.source=none.tar",
                 "none.tar: data.source: no such file or folder");
  expect_refused("train none.toml --run ./runs/new", "none.toml: no such file");
  expect_refused("train backbone.toml --run ./runs/new data.directory=nowhere", "nowhere");
}

TEST_F(BadInput, TextNamedAsAPictureOrASound) {
  expect_refused("encode tiny/tokenizers/picture fake.png", "fake.png: is not a picture");
  expect_refused("encode tiny/tokenizers/speech fake.wav", "fake.wav: ");
  expect_refused("generate tiny --given picture=fake.png --want caption --out new", "fake.png: is not a picture");
  expect_refused("generate tiny --given speech=fake.wav --want caption --out new", "fake.wav: ");
}

TEST_F(BadInput, TruncatedPicturesAndSounds) {
  expect_refused("encode tiny/tokenizers/picture cut.png", "cut.png: ");
  expect_refused("encode tiny/tokenizers/speech cut.wav", "cut.wav: ");
  expect_refused("generate tiny --given picture=cut.png --want caption --out new", "cut.png: ");
  expect_refused("generate tiny --given speech=cut.wav --want caption --out new", "cut.wav: ");
  EXPECT_EQ(tiny_->run("encode tiny/tokenizers/picture fine.png").code, 0);
  EXPECT_EQ(tiny_->run("encode tiny/tokenizers/speech fine.wav").code, 0);
}

TEST_F(BadInput, CaptionsThatAreNotUtf8) {
  expect_refused("encode tiny/tokenizers/caption bad.txt", "bad.txt: byte 4: is not valid UTF-8");
  expect_refused("encode tiny/tokenizers/caption - <bad.txt", "stdin: byte 4: is not valid UTF-8");
  expect_refused("generate tiny --given caption=@bad.txt --want picture --out new",
                 "bad.txt: byte 4: is not valid UTF-8");
  expect_refused("generate tiny --given caption=$(printf '\\377') --want picture --out new",
                 "caption: byte 0: is not valid UTF-8");
}

TEST_F(BadInput, UnknownNamesSuggestTheNearest) {
  expect_refused("generate tiny --want pictrue --out new", "did you mean 'picture'?");
  expect_refused("generate tiny --given captoin=a --want picture --out new", "did you mean 'caption'?");
  expect_refused("generate tiny --want picture sampler.stepz=3 --out new",
                 "sampler.stepz: unknown key; did you mean 'steps'?");
  expect_refused("prepare prepare.toml --out new data.rolls.caption.kind=text",
                 "data.rolls: unknown key; did you mean 'roles'?");
  expect_refused("prepare prepare.toml --out new tokenizers.captoin.path=runs/bpe/tokenizer",
                 "tokenizers.captoin: no such role in [data.roles]; did you mean 'caption'?");
  expect_refused("prepare emoji5 --out new", "did you mean 'emoji4'?");
  expect_refused("train backbone.toml --run ./runs/new training.stepz=3",
                 "training.stepz: unknown key; did you mean 'steps'?");
  expect_refused("train backbone.toml --run ./runs/new data.split=trains", "no split 'trains'; did you mean 'train'?");
}

TEST_F(BadInput, ShardsOfAnotherTokenizer) {
  ASSERT_EQ(
      tiny_->run("train bpe.toml --run ./runs/other --export runs/other/tokenizer tokenizer.options.vocabulary=270")
          .code,
      0);
  const std::string places = " tokenizers.caption.path=runs/other/tokenizer tokenizers.title.path=runs/other/tokenizer";
  ASSERT_EQ(tiny_->run("prepare prepare.toml --out strange" + places).code, 0);
  expect_refused("train backbone.toml --run ./runs/new data.directory=strange",
                 "caption: the shards were made by tokenizer ");
  expect_refused("train backbone.toml --run ./runs/new" + places, "caption: the shards were made by tokenizer ");
  expect_refused("evaluate runs/short --data strange --picture-splits held-out --speech-splits held-out",
                 "caption: the shards' ids come from tokenizer ");
  expect_refused("prepare prepare.toml --out shards" + places, "shards: tokenizers.caption.path: was prepared with ");
}

TEST_F(BadInput, DamagedShards) {
  const std::string shard = tiny_->folder.read("shards/train-00000.h5");
  std::string flipped = shard;
  flipped[flipped.size() / 2] ^= 4;
  tiny_->folder.write("shards/train-00000.h5", flipped);
  expect_refused("train backbone.toml --run ./runs/new", "shards/train-00000.h5: is damaged: ");
  tiny_->folder.write("shards/train-00000.h5", shard.substr(0, 100));
  expect_refused("train backbone.toml --run ./runs/new", "shards/train-00000.h5: has 100 bytes, the manifest says ");
  tiny_->folder.write("shards/train-00000.h5", shard);
}

TEST_F(BadInput, HalfWrittenCheckpoints) {
  const std::string weights = tiny_->folder.read("tiny/model.safetensors");
  for (const char* part : {"state.json", "recipe.toml", "model.safetensors", "tokenizers/speech"}) {
    fs::copy(folder() / "tiny", folder() / "half", fs::copy_options::recursive);
    fs::remove_all(folder() / "half" / part);
    expect_refused("generate half --want picture --out new", "half: " + std::string(part) + ": is missing");
    fs::remove_all(folder() / "half");
  }
  fs::copy(folder() / "tiny", folder() / "half", fs::copy_options::recursive);
  tiny_->folder.write("half/model.safetensors", weights.substr(0, weights.size() - 9));
  expect_refused("generate half --want picture --out new", "half/model.safetensors: ");
  expect_refused("evaluate half --data shards", "half/model.safetensors: ");
  fs::remove_all(folder() / "half");
}

TEST_F(BadInput, TrainingPassesOverAHalfWrittenCheckpointByName) {
  const std::string command = "train backbone.toml --run ./runs/halved training.steps=12 training.warmup_steps=0";
  ASSERT_EQ(tiny_->run(command).code, 0);
  const auto log = tiny_->log("halved");
  const fs::path newest = folder() / "runs/halved/checkpoints/step-00000012", weights = newest / "model.safetensors";
  const std::string trained = read_file(weights);
  fs::resize_file(weights, trained.size() / 2);
  const CommandOutcome outcome = tiny_->run(command);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(
      outcome.err,
      HasSubstr("passing over ./runs/halved/checkpoints/step-00000012: model.safetensors differs from its hash"));
  EXPECT_EQ(tiny_->log("halved"), log);
  EXPECT_EQ(read_file(weights), trained);
}

TEST_F(BadInput, AFullDiskIsOneMessageAndLeavesWhatWasThere) {
  expect_refused("prepare prepare.toml --out shards-new", "cannot write: File too large", kFailedCode);
  ASSERT_EQ(tiny_->run("encode tiny/tokenizers/speech fine.wav --out ids.json").code, 0);
  expect_refused("encode tiny/tokenizers/speech fine.wav --out ids.json", "ids.json: cannot write: File too large",
                 kFailedCode);
  ASSERT_EQ(tiny_->run("generate tiny --want picture --out pictures").code, 0);
  expect_refused("generate tiny --want picture --seed 3 --out pictures",
                 "pictures/picture-000.png: cannot write: File too large", kFailedCode);
}

TEST_F(BadInput, AFullDiskStopsTrainingAndTheRunGoesOnWhenThereIsRoom) {
  const std::string command = "train backbone.toml training.steps=12 training.warmup_steps=0 --run ./runs/filled";
  ASSERT_NE(tiny_->run(command, "PALIMPSEST_FAILPOINT=checkpoint.after_commit:1").code, 0);
  const fs::path checkpoints = folder() / "runs/filled/checkpoints";
  const auto before = files_of(checkpoints);
  ASSERT_FALSE(before.empty());
  const CommandOutcome outcome = tiny_->run(command, kLittleRoom);
  EXPECT_EQ(outcome.code, kFailedCode) << outcome.err;
  EXPECT_EQ(messages(outcome.err), 1) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("cannot write: File too large"));
  EXPECT_EQ(differences(files_of(checkpoints), before), "");
  ASSERT_EQ(tiny_->run(command).code, 0);
  ASSERT_EQ(tiny_->run("train backbone.toml training.steps=12 training.warmup_steps=0 --run ./runs/roomy").code, 0);
  EXPECT_EQ(tiny_->log("filled"), tiny_->log("roomy"));
}

}  // namespace
}  // namespace palimpsest
