// A prepared directory belongs to its settings: what differs is refused by its key, what decides no byte is not asked.
#include "datasets/prepare/settings.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "tests/datasets/tar_writer.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

class PreparedSettings : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyPreparation;
    tiny_->prepare(tiny_->options(), "out");
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  template <class Change>
  static std::string refusal(const Change& change) {
    PrepareOptions options = tiny_->options();
    change(options);
    const auto before = tiny_->files("out");
    const std::string message = message_of<InputError>([&] { tiny_->prepare(options, "out"); });
    EXPECT_EQ(differences(tiny_->files("out"), before), "");
    EXPECT_THAT(message, HasSubstr("choose another directory or remove this one"));
    return message;
  }

  static inline TinyPreparation* tiny_ = nullptr;
};

TEST_F(PreparedSettings, WhateverDiffersIsRefusedByItsKey) {
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.roles["picture"].fit = FitPolicy::kPad; }),
              HasSubstr("out: data.roles.picture.fit: was prepared with \"crop\", now it is \"pad\""));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.prepare.batch = 8; }),
              HasSubstr("prepare.batch: was prepared with 4, now it is 8"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers["caption"].max_tokens = 9; }),
              HasSubstr("tokenizers.caption.max_tokens: was prepared with 0, now it is 9"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.splits["train"].to = 0.8; }),
              HasSubstr("data.splits.train.to: was prepared with 0.7, now it is 0.8"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.splits["train"].voices = {"slt"}; }),
              HasSubstr("data.splits.train.voices.1: was prepared with \"rms\", now it is absent"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.splits.erase("train"); }),
              HasSubstr("data.splits.train.from: was prepared with 0.0, now it is absent"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.splits["test"] = o.data.splits["train"]; }),
              HasSubstr("data.splits.test.from: was prepared with absent, now it is 0.0"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers.erase("speech"); }),
              HasSubstr("tokenizers.speech.max_tokens: was prepared with 0, now it is absent"));
}

TEST_F(PreparedSettings, AnotherTokenizerIsRefusedByItsRole) {
  BytePairTable table = byte_table();
  table.merges.push_back({'a', 'b'});
  table.bytes_of_id.push_back(table.bytes_of_id['a'] + table.bytes_of_id['b']);
  std::filesystem::create_directories(tiny_->folder / "other");
  BytePairTokenizer(table).save(tiny_->folder / "other");
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers["caption"].path = (tiny_->folder / "other").string(); }),
              HasSubstr("tokenizers.caption.path: was prepared with"));
}

TEST_F(PreparedSettings, AnotherSourceOfTheSameNameIsRefused) {
  std::filesystem::create_directories(tiny_->folder / "elsewhere");
  const auto tar = tiny_->folder / "elsewhere" / kTinyTar.filename();
  write_tar(tar, {{"a.txt", "another set", ""}});
  EXPECT_THAT(refusal([&](PrepareOptions& o) { o.data.source = tar.string(); }),
              HasSubstr("data.content: was prepared with"));
}

// The settings of a folder with a caption in a file and one in a table.
class FolderSettings : public testing::Test {
 protected:
  FolderSettings() {
    tiny_.folder.write("media/a.txt", "red apple");
    tiny_.folder.write("media/b.txt", "key");
    tiny_.folder.write("keys.txt", "a\n");
    before_ = settings();
  }
  nlohmann::json settings() const {
    PrepareOptions options = tiny_.captions();
    options.data.source = (tiny_.folder / "media").string();
    options.data.splits["train"].keys = (tiny_.folder / "keys.txt").string();
    return preparation_settings(options, open_tokenizers(options));
  }
  std::string refusal() const {
    return message_of<InputError>([&] { check_same_settings(before_, settings(), "out"); });
  }
  TinyPreparation tiny_;
  nlohmann::json before_;
};

TEST_F(FolderSettings, AChangedCaptionOfTheSameLengthIsSeen) {
  tiny_.folder.write("media/a.txt", "red maple");
  EXPECT_THAT(refusal(), HasSubstr("out: data.content: was prepared with \"2 files, "));
}

TEST_F(FolderSettings, ANewFileANewTableAndOtherKeysAreSeen) {
  tiny_.folder.write("media/c.txt", "car");
  EXPECT_THAT(refusal(), HasSubstr("now it is \"3 files, "));
  std::filesystem::remove(tiny_.folder / "media/c.txt");
  tiny_.folder.write("media/captions.csv", "file,caption\na.txt,red apple\n");
  EXPECT_THAT(refusal(), HasSubstr("out: data.content: "));
  std::filesystem::remove(tiny_.folder / "media/captions.csv");
  tiny_.folder.write("keys.txt", "b\n");
  EXPECT_THAT(refusal(), HasSubstr("out: data.splits.train.keys: "));
}

TEST_F(FolderSettings, FilesThatNobodyReadsDoNotMatter) {
  tiny_.folder.write("media/.hidden", "x");
  tiny_.folder.write("media/.git/a.txt", "x");
  tiny_.folder.write("media/notes.md", "x");
  check_same_settings(before_, settings(), "out");
  EXPECT_EQ(settings(), before_);
}

}  // namespace
}  // namespace palimpsest
