// Filters and their measures: closed forms of each measure, and what the ledger says of what a filter refuses.
#include "datasets/prepare/filters.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "datasets/prepare/catalogue.h"
#include "tests/datasets/tar_writer.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

double measured(const std::string& name, const Media& media, const std::string& of = "") {
  return find_measure(name).make(of)(media);
}

TEST(Measures, OfTexts) {
  const Text text{"The cat and the hat.\n- The cat... sat\n- The cat... sat"};
  EXPECT_EQ(measured("characters", Text{"\u00e9t\u00e9"}), 3);
  EXPECT_EQ(measured("words", text), 13);
  EXPECT_EQ(measured("stop-words", text), 2) << "the, and";
  EXPECT_DOUBLE_EQ(measured("mean-word-length", Text{"a bb ccc"}), 2.0);
  EXPECT_DOUBLE_EQ(measured("symbols", text), 2.0 / 13);
  EXPECT_DOUBLE_EQ(measured("bullet-lines", text), 2.0 / 3);
  EXPECT_DOUBLE_EQ(measured("duplicate-lines", text), 1.0 / 3);
  EXPECT_DOUBLE_EQ(measured("unended-lines", text), 2.0 / 3);
  EXPECT_DOUBLE_EQ(measured("ellipsis-lines", Text{"a...\nb"}), 0.5);
  EXPECT_DOUBLE_EQ(measured("alphabetic-words", Text{"a1 22 b 3"}), 0.5);
  EXPECT_DOUBLE_EQ(measured("common-ngram", Text{"a b a b c d"}, "2"), 6.0 / 11);
  EXPECT_EQ(measured("common-ngram", Text{"a b c d"}, "2"), 0);
  EXPECT_DOUBLE_EQ(measured("repeated-ngrams", Text{"a b a b c"}, "2"), 2.0 / 5);
  EXPECT_EQ(measured("curly-brackets", Text{"f() { {"}), 2);
  EXPECT_EQ(measured("placeholders", Text{"Lorem Ipsum dolor"}), 1);
  EXPECT_DOUBLE_EQ(measured("digits", Text{"a1b2"}), 0.5);
  EXPECT_DOUBLE_EQ(measured("capitals", Text{"AbC\u00e9"}), 0.5);
  EXPECT_EQ(measured("words", Text{" \n "}), 0);
}

TEST(Measures, OfScripts) {
  const Text mixed{"ab \u0434\u0430 12!"};
  EXPECT_DOUBLE_EQ(measured("script", mixed, "Latin"), 0.5);
  EXPECT_DOUBLE_EQ(measured("script", mixed, "Cyrillic"), 0.5);
  EXPECT_EQ(measured("script", mixed, "Han"), 0);
  EXPECT_EQ(measured("script", Text{"\u6f22\u5b57"}, "Han"), 1);
  EXPECT_THAT(message_of<InputError>([] { find_measure("script").make("Klingon"); }), HasSubstr("Klingon"));
  EXPECT_THAT(message_of<InputError>([] { find_measure("script").make("a}b"); }),
              HasSubstr("no name of a Unicode script"));
}

TEST(Measures, OfLists) {
  const ScratchFolder folder;
  const std::string file = folder.write("bad.txt", "bad word\nWORSE\n\n").string();
  EXPECT_EQ(measured("listed", Text{"A bad, word!"}, file), 1);
  EXPECT_EQ(measured("listed", Text{"a bad wording, worse"}, file), 1) << "whole words only";
  EXPECT_EQ(measured("listed", Text{"fine"}, file), 0);
  EXPECT_THAT(message_of<InputError>([&] { find_measure("listed").make((folder / "none.txt").string()); }),
              HasSubstr("none.txt"));
}

TEST(Measures, OfPictures) {
  at::Tensor half = at::zeros({4, 8, 3}, at::kByte);
  half.slice(1, 0, 4).fill_(255);
  EXPECT_EQ(measured("rows", Image{half}), 4);
  EXPECT_EQ(measured("columns", Image{half}), 8);
  EXPECT_EQ(measured("shorter-side", Image{half}), 4);
  EXPECT_EQ(measured("longer-side", Image{half}), 8);
  EXPECT_EQ(measured("pixels", Image{half}), 32);
  EXPECT_EQ(measured("aspect", Image{half}), 2);
  EXPECT_NEAR(measured("contrast", Image{half}), 127.5, 0.01);
  EXPECT_EQ(measured("blank", Image{half}), 0.5);
  EXPECT_EQ(measured("blank", Image{at::full({900, 700, 3}, 7, at::kByte)}), 1);
  EXPECT_EQ(measured("contrast", Image{at::full({900, 700, 3}, 7, at::kByte)}), 0);
}

TEST(Measures, OfSounds) {
  const at::Tensor time = at::arange(0, 16'000, at::kFloat) / 16'000.0;
  const Audio sine{at::sin(time * (2 * std::numbers::pi * 100)), 16'000};
  EXPECT_EQ(measured("seconds", sine), 1);
  EXPECT_NEAR(measured("level", sine), -3.01, 0.01);
  EXPECT_NEAR(measured("peak", sine), 1.0, 1e-3);
  EXPECT_NEAR(measured("clipped", sine), 2 * std::acos(0.999) / std::numbers::pi, 0.01);
  const Audio half{at::cat({at::zeros({8000}), sine.samples_N.slice(0, 0, 8000)}), 16'000};
  EXPECT_NEAR(measured("silence", half), 0.5, 0.03);
  EXPECT_EQ(measured("level", Audio{at::zeros({100}), 16'000}), -120);
  EXPECT_EQ(measured("seconds", Audio{at::zeros({0}), 16'000}), 0);
}

TEST(Filters, EveryMeasureIsInTheCatalogueOnce) {
  std::multiset<std::string> listed;
  for (const CatalogueEntry& entry : filter_catalogue()) {
    if (entry.group == "filters") listed.insert(entry.name);
  }
  const auto names = measure_names();
  EXPECT_EQ(listed, std::multiset<std::string>(names.begin(), names.end()));
}

TEST(Filters, RecipesThatCannotWorkAreRefusedByTheKey) {
  const auto refusal = [](const std::string& text) {
    return message_of<InputError>([&] { read_options<FilterOptions>(toml::parse(text), "x.toml", "filters.short"); });
  };
  EXPECT_THAT(refusal("role = 'caption'\nmeasure = 'word'\nmin = 2"),
              HasSubstr("x.toml: filters.short.measure: unknown value 'word'; did you mean 'words'?"));
  EXPECT_THAT(refusal("role = 'caption'\nmeasure = 'words'"), HasSubstr("min or max is needed"));
  EXPECT_THAT(refusal("role = 'caption'\nmeasure = 'words'\nmin = 3\nmax = 2"), HasSubstr("must not be above max"));
  EXPECT_THAT(refusal("role = 'caption'\nmeasure = 'words'\nmin = 3\nof = 'x'"),
              HasSubstr("takes nothing beside its name"));
  EXPECT_THAT(refusal("measure = 'aspect'\nmax = 3"), HasSubstr("role: must be given: aspect reads image"));
  EXPECT_THAT(refusal("role = 'caption'\nmeasure = 'common-ngram'\nmax = 3"), HasSubstr("1 to 9"));
  EXPECT_THAT(refusal("role = 'caption'\nmeasures = 'words'"), HasSubstr("did you mean 'measure'?"));
}

TEST(Filters, OfRolesThatAreNotPreparedOrOfAnotherKindAreRefused) {
  const TinyPreparation tiny;
  const auto refusal = [&tiny](const std::string& role, const std::string& measure) {
    PrepareOptions options = tiny.captions();
    options.filters["one"] = {role, measure, "", 1, 5};
    return message_of<InputError>([&] { options.validate(); });
  };
  EXPECT_THAT(refusal("captions", "words"),
              HasSubstr("filters.one.role: no role 'captions' is prepared; did you mean 'caption'?"));
  EXPECT_THAT(refusal("caption", "aspect"), HasSubstr("filters.one.role: 'caption' is text, image is needed"));
}

// Pictures of several sizes, of which two are refused before they are fitted.
TEST(Filters, SeeMediaAsTheyWereReadAndTheLedgerSaysRuleAndValue) {
  const TinyPreparation tiny;
  write_tar(tiny.folder / "sizes.tar", {{"fine.txt", "a red box", ""},
                                        {"fine.png", grey_png(32, 32), ""},
                                        {"long.txt", "a red box", ""},
                                        {"long.png", grey_png(10, 40), ""},
                                        {"short.txt", "box", ""},
                                        {"short.png", grey_png(32, 32), ""}});
  PrepareOptions options = tiny.options();
  options.data.source = (tiny.folder / "sizes.tar").string();
  options.data.splits = {{"all", {}}};
  options.data.splits["all"].variation.copies = 1;
  options.data.roles.erase("speech");
  options.tokenizers.erase("speech");
  options.filters["shape"] = {"picture", "aspect", "", -INFINITY, 3};
  options.filters["words"] = {"caption", "words", "", 2, INFINITY};
  options.validate();
  const PrepareCounts counts = tiny.prepare(options, "out").at("all");
  EXPECT_EQ(counts.kept, 2);
  EXPECT_EQ(counts.filtered, 4);
  EXPECT_EQ(counts.rules, (std::map<std::string, std::int64_t>{{"shape", 2}, {"words", 2}}));
  const auto ledger = tiny.ledger("out");
  ASSERT_EQ(ledger.size(), 6u);
  EXPECT_EQ(ledger[0].shard, "all-00000.h5");
  EXPECT_EQ(ledger[1].row, 1);
  EXPECT_EQ(ledger[2].key, "long");
  EXPECT_EQ(ledger[2].rule, "shape");
  EXPECT_EQ(ledger[2].value, 4.0);
  EXPECT_EQ(ledger[2].reason, "shape is 4");
  EXPECT_EQ(ledger[3].key, "long~1");
  EXPECT_EQ(ledger[3].rule, "shape");
  EXPECT_EQ(ledger[4].rule, "words");
}

}  // namespace
}  // namespace palimpsest
