// Every task is a query: text to picture, captioning, speech, all at once, a hole.
#include "pipelines/queries/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

Media picture(std::uint8_t level) { return Image{at::full({4, 4, 3}, level, at::kByte)}; }
Media caption(const std::string& letters) { return Text{letters}; }
Media speech() { return Audio{at::tensor({-1.0f, 0.0f, 1.0f, 1.0f}), 16'000}; }

std::vector<std::map<std::string, Media>> answer(const Query& query) {
  const DiffusionModel model = tiny_model();
  const auto tokenizers = tiny_tokenizers();
  SamplerOptions options;
  options.steps = 4;
  options.guidance = 2;
  const TokenCanvas canvas = query_canvas(model.schema, tokenizers, {query, query});
  const SampleResult result = Sampler(model, options).run(canvas, sample_keys(0, 0, 2));
  std::vector<std::string> read = query.wanted;
  for (const auto& [role, hole] : query.holes) read.push_back(role);
  return read_media(model.schema, tokenizers, result.canvas, read);
}

std::string complaint(const Query& query) {
  try {
    query_canvas(tiny_schema(), tiny_tokenizers(), {query});
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Query, EveryKindGivesTheWantedRolesAndNoOthers) {
  const std::vector<Query> queries = {{{{"caption", caption("abc")}}, {}, {"picture"}},
                                      {{{"picture", picture(64)}}, {}, {"caption"}},
                                      {{{"caption", caption("abc")}}, {}, {"speech"}},
                                      {{{"speech", speech()}}, {}, {"caption"}},
                                      {{{"speech", speech()}}, {}, {"picture"}},
                                      {{}, {}, {"caption", "picture", "speech"}},
                                      {{{"caption", caption("")}}, {}, {"picture", "speech"}}};
  for (const Query& query : queries) {
    const auto made = answer(query);
    ASSERT_EQ(made.size(), 2u);
    for (const auto& roles : made) {
      ASSERT_EQ(roles.size(), query.wanted.size());
      for (const std::string& role : query.wanted) {
        EXPECT_EQ(media_kind(roles.at(role)), role == "caption" ? "text" : role == "picture" ? "image" : "audio");
      }
    }
  }
}

TEST(Query, AHoleIsMadeAnewAndTheRestStays) {
  Query query{{{"picture", picture(128)}, {"caption", caption("ab")}}, {{"picture", {0.25, 0.25, 0.75, 0.75}}}, {}};
  const TokenCanvas canvas = query_canvas(tiny_schema(), tiny_tokenizers(), {query});
  EXPECT_EQ(canvas.tokens_BL.eq(kMaskId).sum().item<std::int64_t>(), 4);
  for (const auto& roles : answer(query)) {
    const at::Tensor pixels_HW = std::get<Image>(roles.at("picture")).pixels_HWC.select(2, 0);
    at::Tensor outside_HW = at::ones({4, 4}, at::kBool);
    outside_HW.slice(0, 1, 3).slice(1, 1, 3).fill_(false);
    EXPECT_TRUE(pixels_HW.masked_select(outside_HW).eq(128).all().item<bool>());
  }
}

TEST(Query, RowsHoldOnlyTheRolesInUse) {
  const Query query{{{"picture", picture(64)}}, {}, {"caption"}};
  const TokenCanvas canvas = query_canvas(tiny_schema(), tiny_tokenizers(), {query});
  EXPECT_EQ(canvas.length(), 21);
  EXPECT_TRUE(canvas.visible_BL.all().item<bool>());
  EXPECT_EQ(canvas.frozen_BL.sum().item<std::int64_t>(), 16);
}

TEST(Query, ARoleOfAnotherQueryInTheBatchIsInvisible) {
  const TokenCanvas canvas = query_canvas(tiny_schema(), tiny_tokenizers(),
                                          {{{{"picture", picture(64)}}, {}, {"caption"}}, {{}, {}, {"speech"}}});
  EXPECT_EQ(canvas.length(), 27);
  EXPECT_EQ(canvas.visible_BL[0].sum().item<std::int64_t>(), 21);
  EXPECT_EQ(canvas.visible_BL[1].sum().item<std::int64_t>(), 6);
  const SampleResult result = Sampler(tiny_model(), {}).run(canvas, sample_keys(0, 0, 2));
  const auto media = read_media(tiny_schema(), tiny_tokenizers(), result.canvas, {"caption", "speech"});
  EXPECT_EQ(media[0].count("caption") + media[1].count("speech"), 2u);
  EXPECT_EQ(media[0].count("speech") + media[1].count("caption"), 0u);
}

TEST(Query, EncodedAndDecodedAgain) {
  const auto tokenizers = tiny_tokenizers();
  const TokenCanvas canvas =
      query_canvas(tiny_schema(), tokenizers, {{{{"caption", caption("head")}}, {}, {"picture"}}});
  const auto media = read_media(tiny_schema(), tokenizers, canvas, {"caption"});
  EXPECT_EQ(std::get<Text>(media[0].at("caption")).utf8, "head");
}

TEST(Query, NamesWhatIsWrong) {
  using testing::HasSubstr;
  EXPECT_THAT(complaint({{}, {}, {"pictur"}}), HasSubstr("did you mean 'picture'"));
  EXPECT_THAT(complaint({{{"captain", caption("a")}}, {}, {"picture"}}), HasSubstr("did you mean 'caption'"));
  EXPECT_THAT(complaint({{{"caption", caption("a")}}, {}, {}}), HasSubstr("nothing is wanted"));
  EXPECT_THAT(complaint({{{"picture", picture(0)}}, {}, {"picture"}}), HasSubstr("picture: is both given and wanted"));
  EXPECT_THAT(complaint({{}, {{"picture", {}}}, {"caption"}}), HasSubstr("picture: has a hole but is not given"));
  EXPECT_THAT(complaint({{{"caption", caption("aaaaaaaa")}}, {}, {"picture"}}), HasSubstr("caption"));
}

TEST(Hole, CutsPicturesInTwoDirectionsAndSoundInOne) {
  const at::Tensor grid_L = known_outside({0, 0, 0.5, 0.25}, grid_layout(4, 4), "picture");
  EXPECT_EQ(grid_L.logical_not().sum().item<std::int64_t>(), 2);
  EXPECT_FALSE(grid_L[0].item<bool>());
  EXPECT_FALSE(grid_L[4].item<bool>());
  const at::Tensor frames_L = known_outside(parse_hole("0.5,1", "speech"), frame_layout(4, 2), "speech");
  EXPECT_TRUE(at::equal(frames_L, at::arange(8).lt(4)));
}

TEST(Hole, RefusesWhatIsNotARectangle) {
  for (const char* text : {"", "0.1", "0,0,0.5", "0.5,0,0.5,1", "0,0,1,1.5", "a,b", "0,0,1,1,1", "0.2x,0.5"}) {
    EXPECT_THROW(parse_hole(text, "picture"), InputError) << text;
  }
  const Hole hole = parse_hole("0.25,0.5,0.75,1", "picture");
  EXPECT_EQ(hole.top, 0.25);
  EXPECT_EQ(hole.right, 1);
}

}  // namespace
}  // namespace palimpsest::test
