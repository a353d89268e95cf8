// Every masking pattern against the one law they share, and each against its own shape.
#include "backbone/diffusion/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "backbone/diffusion/corruption.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

const RandomKey kPatternKey = RandomKey::root(31);
constexpr int kDraws = 3000;

// A role of its own, with or without some positions that cannot be noised.
struct Place {
  Role role;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> objects;  // three positions each, and every fourth three the ground

  explicit Place(Layout layout, std::int64_t skip = 0) : role{"role", std::move(layout), false} {
    for (std::int64_t i = 0; i < role.length(); ++i) {
      if (skip == 0 || i % skip != 1) offsets.push_back(i);
      objects.push_back(i / 3 % 4);
    }
  }
  std::vector<double> ranks(PatternKind kind, const PatternOptions& options, std::uint64_t draw) const {
    const RandomKey key = kPatternKey.fold(draw);
    const PatternPlaces places{offsets,
                               role.layout.coordinates_LA.data_ptr<std::int32_t>(),
                               &role,
                               key.fold("role"),
                               key.fold("modality"),
                               objects.data()};
    return pattern_families()[static_cast<std::size_t>(kind)].ranks(places, options);
  }
  std::set<std::int64_t> hit(PatternKind kind, const PatternOptions& options, std::uint64_t draw, double share) const {
    const std::vector<double> found = ranks(kind, options, draw);
    std::set<std::int64_t> below;
    for (std::size_t n = 0; n < found.size(); ++n) {
      if (found[n] < share) below.insert(offsets[n]);
    }
    return below;
  }
};

std::vector<Place> places() {
  return {Place(text_layout(11)), Place(grid_layout(4, 5), 3), Place(frame_layout(5, 3)), Place(text_layout(1))};
}

bool is_contiguous(const std::set<std::int64_t>& offsets) {
  return offsets.empty() || *offsets.rbegin() - *offsets.begin() + 1 == static_cast<std::int64_t>(offsets.size());
}

class EveryPatternLaw : public testing::TestWithParam<PatternKind> {};

// A share's deviation over positions is never more than that of one coin for all of them.
TEST_P(EveryPatternLaw, HitsAtTheRateOfTheSchedule) {
  for (const Place& place : places()) {
    for (const double share : {0.1, 0.5, 0.85}) {
      double hits = 0;
      for (int draw = 0; draw < kDraws; ++draw) {
        hits += static_cast<double>(place.hit(GetParam(), {}, static_cast<std::uint64_t>(draw), share).size());
      }
      const double rate = hits / kDraws / static_cast<double>(place.offsets.size());
      EXPECT_NEAR(rate, share, 4 * std::sqrt(share * (1 - share) / kDraws)) << place.role.length() << " " << share;
    }
  }
}

TEST_P(EveryPatternLaw, MoreNoiseHitsMore) {
  for (const Place& place : places()) {
    const std::set<std::int64_t> few = place.hit(GetParam(), {}, 5, 0.3), many = place.hit(GetParam(), {}, 5, 0.7);
    EXPECT_TRUE(std::includes(many.begin(), many.end(), few.begin(), few.end()));
    EXPECT_TRUE(place.hit(GetParam(), {}, 5, 0.0).empty());
    EXPECT_EQ(place.hit(GetParam(), {}, 5, 1.0).size(), place.offsets.size());
  }
}

// Through the whole of corruption: given, absent, hidden and padding positions stay as they are.
TEST_P(EveryPatternLaw, LeavesFrozenAndPaddingAlone) {
  const CanvasSchema schema = test::small_schema();
  std::vector<Document> documents = test::random_documents(schema, 24, 7);
  for (std::size_t d = 0; d < documents.size(); ++d) {
    if (d % 3 == 0) documents[d].roles["picture"].frozen = true;
    if (d % 4 == 1) documents[d].roles["picture"].known_L = at::arange(9).remainder(2).eq(0);
    if (d % 5 == 2) documents[d].roles.erase("speech");
  }
  DiffusionOptions options;
  options.patterns[enum_name(GetParam())] = {};
  for (const TokenCanvas& clean : {build_canvas(schema, documents), pack_canvas(schema, documents, 50)}) {
    const NoiseSource source{kPatternKey, test::indices(0, 24), 8, clean.tokens_BL.remainder(3)};
    const NoisyCanvas noisy = corrupt(clean, schema, options, source);
    const at::Tensor may_BL =
        clean.visible_BL.logical_and(clean.frozen_BL.logical_not()).logical_and(clean.tokens_BL.ne(kMaskId));
    EXPECT_FALSE(noisy.masked_BL.logical_and(may_BL.logical_not()).any().item<bool>());
    EXPECT_FALSE(noisy.t_BL.gt(0).logical_and(may_BL.logical_not()).any().item<bool>());
    EXPECT_TRUE(noisy.masked_BL.any().item<bool>());
    const at::Tensor changed_BL = noisy.canvas.tokens_BL.ne(clean.tokens_BL);
    EXPECT_TRUE(changed_BL.logical_and(noisy.canvas.visible_BL).equal(noisy.masked_BL));
    EXPECT_FALSE(changed_BL.logical_and(clean.frozen_BL).logical_and(noisy.canvas.visible_BL).any().item<bool>());
  }
}

std::vector<PatternKind> all_kinds() {
  std::vector<PatternKind> kinds;
  for (const PatternFamily& family : pattern_families()) kinds.push_back(family.kind);
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryPatternLaw, testing::ValuesIn(all_kinds()),
                         [](const auto& kind) { return enum_name(kind.param); });

// All but the stretches, which reach some positions more often.
TEST(PatternMarginalLaw, HitsEachPositionAsOftenAsAnyOther) {
  const std::set<PatternKind> stretches{PatternKind::kPrefix, PatternKind::kSuffix, PatternKind::kInfill};
  const Place place(grid_layout(4, 5));
  for (const PatternKind kind : all_kinds()) {
    if (stretches.count(kind) > 0) continue;
    std::vector<double> hits(20);
    for (int draw = 0; draw < kDraws; ++draw) {
      for (const std::int64_t offset : place.hit(kind, {}, static_cast<std::uint64_t>(draw), 0.3)) {
        hits[static_cast<std::size_t>(offset)] += 1.0 / kDraws;
      }
    }
    const double limit = 4.5 * std::sqrt(0.3 * 0.7 / kDraws);
    EXPECT_THAT(hits, testing::Each(testing::DoubleNear(0.3, limit))) << enum_name(kind);
  }
}

TEST(Patterns, AreAllInTheTableInOrder) {
  ASSERT_EQ(pattern_families().size(), enum_choices<PatternKind>().size());
  for (std::size_t i = 0; i < pattern_families().size(); ++i) {
    EXPECT_EQ(enum_name(pattern_families()[i].kind), enum_choices<PatternKind>()[i]);
    EXPECT_NE(std::string(pattern_families()[i].summary), "");
  }
}

TEST(Patterns, StretchesAreContiguousAndWhereTheySay) {
  const Place place(text_layout(11));
  std::set<std::int64_t> beginnings;
  for (std::uint64_t draw = 0; draw < 300; ++draw) {
    const auto prefix = place.hit(PatternKind::kPrefix, {}, draw, 0.4);
    const auto suffix = place.hit(PatternKind::kSuffix, {}, draw, 0.4);
    const auto infill = place.hit(PatternKind::kInfill, {}, draw, 0.4);
    EXPECT_TRUE(is_contiguous(prefix) && is_contiguous(suffix) && is_contiguous(infill));
    EXPECT_EQ(*prefix.begin(), 0);
    EXPECT_EQ(*suffix.rbegin(), 10);
    EXPECT_TRUE(infill.size() == 4 || infill.size() == 5);  // 4.4 on average
    beginnings.insert(*infill.begin());
  }
  EXPECT_EQ(beginnings.size(), 8u);
}

TEST(Patterns, SpansAreAsLongAsAsked) {
  const Place place(text_layout(400));
  PatternOptions options;
  options.length = 5;
  double spans = 0;
  for (std::uint64_t draw = 0; draw < 100; ++draw) {
    const std::vector<double> ranks = place.ranks(PatternKind::kSpans, options, draw);
    for (std::size_t n = 1; n < ranks.size(); ++n) spans += ranks[n] != ranks[n - 1];
  }
  const double changes = 100 * 399 / 5.0;
  EXPECT_NEAR(spans, changes, 4 * std::sqrt(changes));
}

TEST(Patterns, BlocksAreSquaresOnAGrid) {
  const Place place(grid_layout(6, 6));
  PatternOptions options;
  options.size = 3;
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const std::vector<double> ranks = place.ranks(PatternKind::kBlocks, options, draw);
    std::map<double, std::vector<std::size_t>> blocks;
    for (std::size_t n = 0; n < ranks.size(); ++n) blocks[ranks[n]].push_back(n);
    EXPECT_TRUE(blocks.size() == 4 || blocks.size() == 6 || blocks.size() == 9);  // the phase cuts the borders
    for (const auto& [rank, members] : blocks) {
      const std::size_t rows = members.back() / 6 - members.front() / 6 + 1,
                        columns = members.back() % 6 - members.front() % 6 + 1;
      EXPECT_EQ(rows * columns, members.size());
      EXPECT_TRUE(rows <= 3 && columns <= 3);
    }
  }
}

TEST(Patterns, WholesGoTogether) {
  const Place frames(frame_layout(5, 3));
  const std::vector<double> scale = frames.ranks(PatternKind::kScale, {}, 3);
  EXPECT_EQ(std::set<double>(scale.begin(), scale.end()).size(), 3u);
  for (std::size_t n = 3; n < scale.size(); ++n) EXPECT_EQ(scale[n], scale[n - 3]);
  const std::vector<double> role = frames.ranks(PatternKind::kRole, {}, 3);
  EXPECT_EQ(std::set<double>(role.begin(), role.end()).size(), 1u);
  EXPECT_EQ(Place(text_layout(4)).ranks(PatternKind::kModality, {}, 3)[0],
            frames.ranks(PatternKind::kModality, {}, 3)[0]);
}

TEST(Patterns, ObjectsGoWholeAndTheGroundInParts) {
  const Place place(text_layout(120));
  const std::vector<double> ranks = place.ranks(PatternKind::kObjects, {}, 3);
  std::map<std::int64_t, std::set<double>> by_object;
  for (std::size_t n = 0; n < ranks.size(); ++n) by_object[place.objects[n]].insert(ranks[n]);
  EXPECT_EQ(by_object[0].size(), 30u);
  for (const std::int64_t object : {1, 2, 3}) EXPECT_EQ(by_object[object].size(), 1u);
}

TEST(Patterns, HalvesAreOnBothSidesOfTheMiddle) {
  const Place place(grid_layout(4, 6));
  PatternOptions options;
  options.axis = HalvesAxis::kColumn;
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const auto hit = place.hit(PatternKind::kHalves, options, draw, 0.5);
    ASSERT_EQ(hit.size(), 12u);
    const bool far = *hit.begin() % 6 >= 3;
    for (const std::int64_t offset : hit) EXPECT_EQ(offset % 6 >= 3, far);
  }
  std::set<std::size_t> axes;
  options.axis = HalvesAxis::kAny;
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const std::vector<double> ranks = place.ranks(PatternKind::kHalves, options, draw);
    axes.insert(ranks[0] == ranks[5] ? 1 : 2);  // cut between the rows or between the columns
  }
  EXPECT_EQ(axes.size(), 2u);
}

TEST(Patterns, AreMixedByTheirWeights) {
  const CanvasSchema schema = test::small_schema();
  const TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 2000, 9));
  DiffusionOptions options;
  options.conditional = 0;
  options.patterns["role"].weight = 3;
  options.patterns["iid"].weight = 1;
  options.patterns["role"].modalities = options.patterns["iid"].modalities = {"image"};
  const NoisyCanvas noisy = corrupt(clean, schema, options, kPatternKey, test::indices(0, 2000), 8);
  double whole = 0, documents = 0;
  for (const Span& span : clean.spans) {
    const at::Tensor masked_L = noisy.masked_BL[span.row].narrow(0, span.begin, span.length);
    const double t = noisy.t_BL[span.row][span.begin].item<double>();
    if (t < 0.3 || t > 0.7) continue;  // there nine coins hardly ever agree
    const bool all_alike = masked_L.eq(masked_L[0]).all().item<bool>();
    if (span.role == 1) {
      whole += all_alike;
      ++documents;
    }
  }
  EXPECT_NEAR(whole / documents, 0.75, 4 * std::sqrt(0.75 * 0.25 / documents) + 0.01);
}

TEST(Patterns, IidIsTheDefaultBitForBit) {
  const CanvasSchema schema = test::small_schema();
  const TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 32, 9));
  DiffusionOptions options;
  const at::Tensor before = corrupt(clean, schema, options, kPatternKey, test::indices(0, 32), 8).canvas.tokens_BL;
  options.patterns["iid"] = {};
  EXPECT_TRUE(corrupt(clean, schema, options, kPatternKey, test::indices(0, 32), 8).canvas.tokens_BL.equal(before));
}

std::string complaint(const std::string& recipe) {
  try {
    const toml::table table = toml::parse(recipe);
    const auto options = read_options<DiffusionOptions>(table, "recipe.toml", "diffusion");
    const CanvasSchema schema = test::small_schema();
    corrupt(build_canvas(schema, test::random_documents(schema, 1, 2)), schema, options, kPatternKey, {0}, 1);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Patterns, NameWhatIsWrong) {
  using testing::HasSubstr;
  EXPECT_EQ(complaint("patterns.blocks.size = 3\npatterns.spans = {weight = 0.5, length = 3, modalities = ['text']}"),
            "");
  EXPECT_THAT(complaint("patterns.span.weight = 1"), HasSubstr("did you mean 'spans'?"));
  EXPECT_THAT(complaint("patterns.spans.weight = -1"), HasSubstr("weight: must not be negative"));
  EXPECT_THAT(complaint("patterns.spans.length = 0.5"), HasSubstr("length: must be at least 1 position"));
  EXPECT_THAT(complaint("patterns.blocks.size = 0"), HasSubstr("size: must be at least 1, got 0"));
  EXPECT_THAT(complaint("patterns.iid.weight = 0"), HasSubstr("patterns: must have a weight above 0 among them"));
  EXPECT_THAT(complaint("patterns.objects.weight = 1"),
              HasSubstr("patterns.objects: needs object boxes, which this data"));
  EXPECT_THAT(complaint("patterns.iid.modalities = ['imge']"),
              HasSubstr("imge: no such modality; did you mean 'image'?"));
}

}  // namespace
}  // namespace palimpsest
