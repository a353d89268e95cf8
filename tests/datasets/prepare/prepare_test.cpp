// Media files to shards: what is in them, what the ledger says of every sample, and what must not matter.
#include "datasets/prepare/prepare.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <sys/file.h>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/loading/media_set.h"
#include "datasets/loading/token_set.h"
#include "datasets/prepare/plan.h"
#include "tests/datasets/tar_writer.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// One preparation of everything, for the tests that look at it.
class Prepared : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyPreparation;
    report_ = tiny_->prepare(tiny_->options(), "whole");
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static const TinyPreparation& tiny() { return *tiny_; }
  static std::shared_ptr<TokenSet> open(const std::string& split) {
    return open_token_set(tiny_->folder / "whole", split);
  }

  // Everything but the manifest, which tells the settings too.
  static std::map<std::string, std::string> content(const std::string& name) {
    auto files = tiny_->files(name);
    EXPECT_EQ(files.erase("manifest.json"), 1u);
    return files;
  }

  static inline TinyPreparation* tiny_ = nullptr;
  static inline PrepareReport report_;
};

TEST_F(Prepared, RowsAreTheIdsOfTheSamplesMedia) {
  for (const auto& [split, split_options] : tiny().options().data.splits) {
    const auto samples = load_media_set(tiny().options().data, split, {"caption", "picture", "speech"});
    const auto set = open(split);
    ASSERT_EQ(set->rows(), static_cast<std::int64_t>(samples.size()));
    for (const std::string& role : set->roles()) {
      const auto place = tiny().folder / ("tokenizers/" + role);
      const auto tokenizer = load_tokenizer(place);
      EXPECT_EQ(set->fingerprint(role), tokenizer_fingerprint(place));
      for (std::int64_t row = 0; row < set->rows(); ++row) {
        const Sample& sample = samples[static_cast<std::size_t>(row)];
        ASSERT_EQ(set->key(row), sample.key);
        EXPECT_EQ(set->meta(row), sample.meta);
        EXPECT_TRUE(set->ids(row, role)->equal(tokenizer->encode({sample.roles.at(role)}).front().ids_L))
            << sample.key << " " << role;
      }
    }
  }
}

TEST_F(Prepared, LedgerTellsEverySampleOnceInOrder) {
  std::map<std::string, std::int64_t> next;
  std::set<std::string> keys;
  for (const LedgerRow& row : tiny().ledger("whole")) {
    EXPECT_EQ(row.index, next[row.split]++);
    EXPECT_EQ(row.outcome, Outcome::kKept) << row.reason;
    EXPECT_EQ(row.fitted.at("picture"), "64x64 to 16x16 by crop");
    EXPECT_EQ(row.key, open(row.split)->key(row.index));
    keys.insert(row.key);
  }
  EXPECT_EQ(keys.size(), 24u);
  EXPECT_EQ(report_.at("train").kept + report_.at("held-out").kept, 24);
  for (const auto& [split, counts] : report_) {
    EXPECT_EQ(counts.kept, next[split]);
    EXPECT_EQ(counts.failed + counts.filtered, 0);
    EXPECT_EQ(counts.shards, (counts.kept + 7) / 8);
    EXPECT_FALSE(counts.already_there);
  }
}

TEST_F(Prepared, AgainItDoesNothingAndSaysSo) {
  const auto before = tiny().files("whole");
  const auto written = std::filesystem::last_write_time(tiny().folder / "whole/manifest.json");
  for (const auto& [split, counts] : tiny().prepare(tiny().options(), "whole")) {
    EXPECT_TRUE(counts.already_there);
    EXPECT_EQ(counts.kept, report_.at(split).kept);
  }
  EXPECT_EQ(differences(tiny().files("whole"), before), "");
  EXPECT_EQ(std::filesystem::last_write_time(tiny().folder / "whole/manifest.json"), written);
}

TEST_F(Prepared, BatchesProcessesThreadsAndPlacesDoNotMatter) {
  PrepareOptions options = tiny().options();
  options.prepare.batch = 8;
  options.data.speech.processes = 1;
  options.data.speech.cache = (tiny().folder / "spoken anew").string();
  std::filesystem::create_directories(tiny().folder / "moved");
  std::filesystem::copy_file(kTinyTar, tiny().folder / "moved" / kTinyTar.filename());
  options.data.source = (tiny().folder / "moved" / kTinyTar.filename()).string();
  at::set_num_threads(2);
  tiny().prepare(options, "otherwise");
  at::set_num_threads(1);
  EXPECT_EQ(differences(content("otherwise"), content("whole")), "");
}

TEST_F(Prepared, ADryRunTellsThePlanAndWritesNothing) {
  const auto before = tiny().files("whole");
  const auto done = plan_preparation(tiny().options(), tiny().folder / "whole");
  EXPECT_EQ(done.at("splits").at("train").at("prepared"), report_.at("train").kept);
  EXPECT_TRUE(done.at("splits").at("train").at("complete").get<bool>());
  EXPECT_EQ(differences(tiny().files("whole"), before), "");
  const auto fresh = plan_preparation(tiny().options(), tiny().folder / "new");
  EXPECT_EQ(fresh.at("splits").at("train").at("prepared"), 0);
  EXPECT_EQ(fresh.at("roles").at("picture").at("fingerprint"),
            tokenizer_fingerprint(tiny().folder / "tokenizers/picture"));
  EXPECT_FALSE(std::filesystem::exists(tiny().folder / "new"));
}

TEST_F(Prepared, AnotherProgramAtTheSameDirectoryIsRefused) {
  const auto before = tiny().files("whole");
  const int other = ::open((tiny().folder / "whole").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(message_of<InputError>([&] { tiny().prepare(tiny().options(), "whole"); }),
              HasSubstr("whole: another program is preparing it"));
  ::close(other);
  EXPECT_EQ(differences(tiny().files("whole"), before), "");
  EXPECT_TRUE(tiny().prepare(tiny().options(), "whole").at("train").already_there);
}

// Two good samples among every kind of bad one; roles caption and picture, one split.
PrepareOptions mixed_bag(const TinyPreparation& tiny) {
  const std::string picture = grey_png(16, 16);
  write_tar(tiny.folder / "mixed.tar", {{"fine.txt", "a box", ""},
                                        {"fine.png", picture, ""},
                                        {"text.txt", "a box", ""},
                                        {"text.png", "this is text", ""},
                                        {"cut.txt", "a box", ""},
                                        {"cut.png", picture.substr(0, picture.size() - 20), ""},
                                        {"bytes.txt", "a \xff box", ""},
                                        {"bytes.png", picture, ""},
                                        {"void.txt", "\n", ""},
                                        {"void.png", picture, ""},
                                        {"long.txt", std::string(21, 'x'), ""},
                                        {"long.png", picture, ""},
                                        {"bare.txt", "a box", ""},
                                        {"../up.txt", "a box", ""},
                                        {"large.txt", "a box", ""},
                                        {"large.png", grey_png(17, 16), ""},
                                        {"last.txt", "also fine", ""},
                                        {"last.png", picture, ""}});
  PrepareOptions options = tiny.options();
  options.data.source = (tiny.folder / "mixed.tar").string();
  options.data.splits = {{"all", {}}};
  options.data.roles.at("picture").fit = FitPolicy::kRefuse;
  options.data.roles.erase("speech");
  options.tokenizers.erase("speech");
  options.tokenizers.at("caption").max_tokens = 20;
  return options;
}

std::map<std::string, LedgerRow> by_key(const std::vector<LedgerRow>& rows) {
  std::map<std::string, LedgerRow> keyed;
  for (const LedgerRow& row : rows) keyed[row.key] = row;
  return keyed;
}

TEST(Prepare, BadSamplesAreNamedWithTheirReasonAndStopNothing) {
  const TinyPreparation tiny;
  const PrepareCounts counts = tiny.prepare(mixed_bag(tiny), "out").at("all");
  EXPECT_EQ(counts.kept, 2);
  EXPECT_EQ(counts.filtered, 1);
  EXPECT_EQ(counts.failed, 7);
  const auto rows = by_key(tiny.ledger("out"));
  ASSERT_EQ(rows.size(), 10u);
  const std::map<std::string, std::string> reasons{{"text", "text.png: is not a picture"},
                                                   {"cut", "cut.png: "},
                                                   {"bytes", "bytes.txt: byte 2: is not valid UTF-8"},
                                                   {"void", "void.txt: is empty"},
                                                   {"bare", "bare: picture: has no .webp or .png or .jpg"},
                                                   {"../up.txt", "an unsafe name"},
                                                   {"large", "large.png: "}};
  for (const auto& [key, reason] : reasons) {
    EXPECT_EQ(rows.at(key).outcome, Outcome::kFailed) << key;
    EXPECT_THAT(rows.at(key).reason, HasSubstr(reason));
  }
  EXPECT_EQ(rows.at("long").outcome, Outcome::kFiltered);
  EXPECT_EQ(rows.at("long").reason, "caption has 21 tokens, more than 20");
  const auto set = open_token_set(tiny.folder / "out", "all");
  ASSERT_EQ(set->rows(), 2);
  EXPECT_EQ(set->key(0), "fine");
  EXPECT_EQ(set->key(1), "last");
}

TEST(Prepare, ARoleThatASampleMayLackIsAbsentFromItsRow) {
  const TinyPreparation tiny;
  PrepareOptions options = mixed_bag(tiny);
  options.data.roles.at("picture").optional = true;
  EXPECT_EQ(tiny.prepare(options, "out").at("all").kept, 3);
  const auto set = open_token_set(tiny.folder / "out", "all");
  ASSERT_EQ(set->key(1), "bare");
  EXPECT_FALSE(set->ids(1, "picture").has_value());
  EXPECT_EQ(set->ids(1, "caption")->numel(), 5);
  EXPECT_EQ(set->ids(0, "picture")->numel(), 4);
}

TEST(Prepare, ATextThatCannotBeHeardFailsAlone) {
  const TinyPreparation tiny;
  write_tar(tiny.folder / "two.tar", {{"mute.txt", "...", ""}, {"said.txt", "apple", ""}});
  PrepareOptions options = tiny.options();
  options.data.source = (tiny.folder / "two.tar").string();
  options.data.splits = {{"all", {}}};
  options.data.splits["all"].voices = {"slt"};
  options.tokenizers.erase("picture");
  options.data.roles.erase("picture");
  const PrepareCounts counts = tiny.prepare(options, "out").at("all");
  EXPECT_EQ(counts.kept, 1);
  EXPECT_EQ(counts.failed, 1);
  EXPECT_THAT(tiny.ledger("out").front().reason,
              AllOf(HasSubstr("speech of mute"), HasSubstr("made a sound that is silent")));
}

TEST(Prepare, ASplitOfWhichNothingIsKeptIsRefusedAndItsLedgerStays) {
  const TinyPreparation tiny;
  PrepareOptions options = mixed_bag(tiny);
  options.tokenizers.at("caption").max_tokens = 1;
  const auto refusal = [&] { return message_of<InputError>([&] { tiny.prepare(options, "out"); }); };
  EXPECT_THAT(refusal(), HasSubstr("out: all: no sample was kept; ledger.jsonl says why"));
  EXPECT_THAT(refusal(), HasSubstr("no sample was kept")) << "the second time too";
  EXPECT_EQ(tiny.ledger("out").size(), 10u);
}

TEST(Prepare, OtherPeoplesFilesAreNotTouched) {
  const TinyPreparation tiny;
  for (const char* name : {"mine.h5", "notes.txt"}) {
    const std::string out = std::string("with ") + name;
    tiny.folder.write(out + "/" + name, "dear to me");
    const auto before = tiny.files(out);
    EXPECT_THAT(message_of<InputError>([&] { tiny.prepare(tiny.captions(), out); }),
                HasSubstr(out + ": holds other files"));
    EXPECT_EQ(differences(tiny.files(out), before), "");
  }
  tiny.prepare(tiny.captions(), "out");
  tiny.folder.write("out/mine.h5", "dear to me");
  tiny.prepare(tiny.captions(), "out");
  EXPECT_EQ(tiny.folder.read("out/mine.h5"), "dear to me");
}

TEST(Prepare, RecipesThatCannotWorkAreRefusedByTheKey) {
  const TinyPreparation tiny;
  const auto refusal = [&tiny](const auto& spoil) {
    PrepareOptions options = tiny.options();
    spoil(options);
    return message_of<InputError>(
        [&] { options.data.validate(), options.prepare.validate(), options.validate(), tiny.prepare(options, "out"); });
  };
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers["pictures"] = o.tokenizers["picture"]; }),
              HasSubstr("tokenizers.pictures: no such role in [data.roles]; did you mean 'picture'?"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers.clear(); }), HasSubstr("tokenizers: at least one role"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers["picture"].path = "no/where"; }),
              HasSubstr("no/where: tokenizers.picture.path: no such file or folder"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.tokenizers["picture"] = o.tokenizers["caption"]; }),
              HasSubstr("tokenizers.picture: reads text, the role is image"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.roles["speech"].sample_rate = 8000; }),
              HasSubstr("data.roles.speech.sample_rate: is 8000 Hz, the tokenizer needs 16000"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.prepare.samples_per_shard = 10; }),
              HasSubstr("samples_per_shard: must be a multiple of batch (4)"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.splits["a/b"] = o.data.splits["train"]; }),
              HasSubstr("splits.a/b: a name is not empty, has no '/'"));
  EXPECT_THAT(refusal([](PrepareOptions& o) { o.data.roles[".x"] = o.data.roles["caption"]; }),
              HasSubstr("roles..x: a name is not empty"));
  EXPECT_FALSE(std::filesystem::exists(tiny.folder / "out"));
}

}  // namespace
}  // namespace palimpsest
