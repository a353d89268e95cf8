#include "modalities/canvas/canvas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/errors.h"
#include "tests/modalities/canvas/random_schema.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
using testing_support::describe;
using testing_support::Draws;
using testing_support::random_document;
using testing_support::random_schema;

constexpr int kSchemas = 300;

Draws draws_of(const char* name, int trial) {
  return Draws(RandomKey::root(7).fold(name).fold(static_cast<std::uint64_t>(trial)));
}

// caption: elastic text of 5; picture: 2x2 grid.
CanvasSchema small_schema() {
  return CanvasSchema({{"caption", text_layout(5), true}, {"picture", grid_layout(2, 2), false}},
                      Vocabulary({{"text", {10}}, {"image", {20}}}));
}

Document::Filling filling(std::vector<std::int64_t> ids, bool frozen = false) {
  return {at::tensor(ids, at::kLong), frozen, {}};
}

std::vector<std::int64_t> row_of(const at::Tensor& tensor_BL, std::int64_t row) {
  const at::Tensor values = tensor_BL[row].to(at::kLong).contiguous();
  return {values.const_data_ptr<std::int64_t>(), values.const_data_ptr<std::int64_t>() + values.numel()};
}

template <class Call>
std::string complaint_of(const Call& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Canvas, ReadingInvertsBuildingForEverySchema) {
  for (int trial = 0; trial < kSchemas; ++trial) {
    Draws draws = draws_of("build", trial);
    const CanvasSchema schema = random_schema(draws);
    std::vector<Document> documents;
    for (int i = 0; i < 3; ++i) documents.push_back(random_document(draws, schema, true));
    const TokenCanvas canvas = build_canvas(schema, documents);
    canvas.validate(schema.vocabulary());
    const auto again = read_canvas(schema, canvas);
    ASSERT_EQ(again.size(), documents.size());
    for (std::size_t i = 0; i < documents.size(); ++i) {
      ASSERT_EQ(describe(again[i]), describe(documents[i])) << "trial " << trial;
    }
  }
}

TEST(Canvas, ReadingInvertsPackingForEverySchema) {
  for (int trial = 0; trial < kSchemas; ++trial) {
    Draws draws = draws_of("pack", trial);
    const CanvasSchema schema = random_schema(draws);
    std::multiset<std::string> expected, found;
    std::vector<Document> documents;
    for (int i = 0; i < 6; ++i) {
      documents.push_back(random_document(draws, schema, false));
      expected.insert(describe(documents.back()));
    }
    const TokenCanvas canvas = pack_canvas(schema, documents, schema.length() + draws.between(0, 20));
    canvas.validate(schema.vocabulary());
    for (const Document& document : read_canvas(schema, canvas)) found.insert(describe(document));
    ASSERT_EQ(found, expected) << "trial " << trial;
  }
}

TEST(Canvas, PackedPositionsKeepTheRolesOwnCoordinatesAndClasses) {
  for (int trial = 0; trial < kSchemas / 3; ++trial) {
    Draws draws = draws_of("describe", trial);
    const CanvasSchema schema = random_schema(draws);
    const std::vector<Document> documents{random_document(draws, schema, false), random_document(draws, schema, false)};
    const TokenCanvas canvas = pack_canvas(schema, documents, 2 * schema.length() + 3);
    std::int64_t covered = 0;
    for (const Span& span : canvas.spans) {
      const auto part = [&span](const at::Tensor& tensor_BL) {
        return tensor_BL[span.row].narrow(0, span.begin, span.length);
      };
      const std::int64_t begin = schema.role_begin(span.role);
      ASSERT_TRUE(at::equal(part(canvas.coordinates_BLA), schema.coordinates_LA().narrow(0, begin, span.length)));
      ASSERT_TRUE(at::equal(part(canvas.legal_class_BL), schema.legal_class_L().narrow(0, begin, span.length)));
      ASSERT_TRUE(part(canvas.role_BL).eq(span.role).all().item<bool>());
      ASSERT_TRUE(part(canvas.document_BL).eq(span.document).all().item<bool>());
      covered += span.length;
    }
    const at::Tensor padding = canvas.tokens_BL.eq(kPadId);
    EXPECT_TRUE(at::equal(padding, canvas.document_BL.eq(-1)));
    EXPECT_TRUE(at::equal(padding, canvas.visible_BL.logical_not()));
    EXPECT_EQ(padding.logical_not().sum().item<std::int64_t>(), covered);
  }
}

TEST(Canvas, ElasticRolesAreFilledWithEndAndFrozenWithTheRole) {
  const TokenCanvas canvas =
      build_canvas(small_schema(), {{{{"caption", filling({3, 4}, true)}, {"picture", filling({0, 1, 2, 19})}}, {}}});
  EXPECT_EQ(row_of(canvas.tokens_BL, 0), (std::vector<std::int64_t>{19, 20, kEndId, kEndId, kEndId, 26, 27, 28, 45}));
  EXPECT_EQ(row_of(canvas.frozen_BL, 0), (std::vector<std::int64_t>{1, 1, 1, 1, 1, 0, 0, 0, 0}));
}

TEST(Canvas, AbsentRolesAreMaskThatIsSeenUnlessHidden) {
  const CanvasSchema schema = small_schema();
  const TokenCanvas canvas = build_canvas(schema, {{{{"picture", filling({1, 1, 1, 1}, true)}}, {}},
                                                   {{{"picture", filling({1, 1, 1, 1}, true)}}, {"caption"}}});
  EXPECT_TRUE(canvas.tokens_BL.narrow(1, 0, 5).eq(kMaskId).all().item<bool>());
  EXPECT_FALSE(canvas.frozen_BL.narrow(1, 0, 5).any().item<bool>());
  EXPECT_EQ(row_of(canvas.visible_BL, 0), (std::vector<std::int64_t>{1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(row_of(canvas.visible_BL, 1), (std::vector<std::int64_t>{0, 0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_THROW(read_canvas(schema, canvas), c10::Error);
  EXPECT_EQ(describe(read_canvas(schema, canvas, true)[0]), "picture frozen: 1 1 1 1\n");
}

TEST(Canvas, HolesAreMaskAndNotFrozen) {
  Document::Filling holed = filling({5, 6, 7, 8}, true);
  holed.known_L = at::tensor(std::vector<std::int64_t>{1, 0, 1, 0}, at::kLong).to(at::kBool);
  const TokenCanvas canvas = build_canvas(small_schema(), {{{{"picture", holed}}, {}}});
  EXPECT_EQ(row_of(canvas.tokens_BL.narrow(1, 5, 4), 0), (std::vector<std::int64_t>{31, kMaskId, 33, kMaskId}));
  EXPECT_EQ(row_of(canvas.frozen_BL.narrow(1, 5, 4), 0), (std::vector<std::int64_t>{1, 0, 1, 0}));
}

TEST(Canvas, RestrictedSchemaHoldsTheSameColumns) {
  for (int trial = 0; trial < kSchemas / 3; ++trial) {
    Draws draws = draws_of("restrict", trial);
    const CanvasSchema schema = random_schema(draws);
    const Document document = random_document(draws, schema, false);
    std::vector<std::string> names;
    for (const auto& [name, entry] : document.roles) names.push_back(name);
    const CanvasSchema narrow = schema.with_roles(names);
    const TokenCanvas canvas = build_canvas(schema, {document}), small = build_canvas(narrow, {document});
    ASSERT_EQ(narrow.num_roles(), schema.num_roles());
    ASSERT_EQ(small.length(), narrow.length());
    for (const Span& span : small.spans) {
      const auto equal = [&](const at::Tensor& wide_BL, const at::Tensor& narrow_BL) {
        return at::equal(wide_BL.narrow(1, schema.role_begin(span.role), span.length),
                         narrow_BL.narrow(1, span.begin, span.length));
      };
      ASSERT_TRUE(equal(canvas.tokens_BL, small.tokens_BL) && equal(canvas.role_BL, small.role_BL));
      ASSERT_TRUE(equal(canvas.coordinates_BLA, small.coordinates_BLA) &&
                  equal(canvas.legal_class_BL, small.legal_class_BL));
    }
    ASSERT_EQ(describe(read_canvas(narrow, small)[0]), describe(document));
  }
}

TEST(Canvas, SliceKeepsRowsAndRenumbersSpans) {
  const CanvasSchema schema = small_schema();
  std::vector<Document> documents;
  for (std::int64_t i = 0; i < 4; ++i)
    documents.push_back({{{"caption", filling({i})}, {"picture", filling({i, i, i, i})}}, {}});
  const TokenCanvas slice = build_canvas(schema, documents).slice_rows(1, 2);
  const auto again = read_canvas(schema, slice);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(describe(again[0]), describe(documents[1]));
  EXPECT_EQ(describe(again[1]), describe(documents[2]));
}

TEST(Canvas, FirstFitFillsEarlierRowsFirst) {
  const CanvasSchema schema({{"caption", text_layout(8), true}}, Vocabulary({CodeSpace{"text", {10}}}));
  const auto document = [](std::int64_t count) {
    return Document{{{"caption", {at::zeros({count}, at::kLong), false, {}}}}, {}};
  };
  const TokenCanvas canvas = pack_canvas(schema, {document(5), document(5), document(3)}, 10);
  EXPECT_EQ(canvas.rows(), 2);
  EXPECT_EQ(row_of(canvas.document_BL, 0), (std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_FALSE(canvas.one_document_a_row);
}

TEST(Canvas, WrongContentIsNamed) {
  const CanvasSchema schema = small_schema();
  const auto build = [&schema](const std::string& role, std::vector<std::int64_t> ids) {
    return complaint_of([&] { build_canvas(schema, {{{{role, filling(std::move(ids))}}, {}}}); });
  };
  EXPECT_THAT(build("captoin", {1}), HasSubstr("did you mean 'caption'?"));
  EXPECT_EQ(build("caption", {1, 1, 1, 1, 1, 1}), "caption: holds at most 5 ids, got 6");
  EXPECT_EQ(build("picture", {1, 1, 1}), "picture: holds exactly 4 ids, got 3");
  EXPECT_EQ(build("picture", {1, 1, 1, 20}), "picture: id 20 at place 3 is out of range [0,20)");
  EXPECT_EQ(build("caption", {-1}), "caption: id -1 at place 0 is out of range [0,10)");
  EXPECT_EQ(complaint_of([&] {
              build_canvas(schema.with_roles({"caption"}), {{{{"picture", filling({1, 1, 1, 1})}}, {}}});
            }),
            "picture: this canvas has no place for the role");
  EXPECT_EQ(complaint_of([&] {
              build_canvas(schema, {{{{"caption", filling({1})}}, {"caption"}}});
            }),
            "caption: a role is either filled or hidden");
  EXPECT_EQ(complaint_of([&] {
              pack_canvas(schema, {{{{"picture", filling({1, 1, 1, 1})}}, {}}}, 3);
            }),
            "document: takes 4 positions, a packed row has 3");
}

TEST(Canvas, AnIdOfAnotherSubRangeIsOutOfRange) {
  const CanvasSchema schema({{"speech", frame_layout(2, 2), false}}, Vocabulary({CodeSpace{"audio", {4, 6}}}));
  EXPECT_NO_THROW(build_canvas(schema, {{{{"speech", filling({3, 4, 0, 9})}}, {}}}));
  EXPECT_EQ(complaint_of([&] {
              build_canvas(schema, {{{{"speech", filling({3, 3, 0, 9})}}, {}}});
            }),
            "speech: id 3 at place 1 is out of range [4,10)");
}

TEST(Canvas, ValidationFindsIllegalVisibleIds) {
  const CanvasSchema schema = small_schema();
  TokenCanvas canvas = build_canvas(schema, {{{{"caption", filling({1})}, {"picture", filling({1, 1, 1, 1})}}, {}}});
  canvas.tokens_BL[0][6] = kEndId;  // pictures have no end
  EXPECT_THROW(canvas.validate(schema.vocabulary()), c10::Error);
  canvas.visible_BL[0][6] = false;
  EXPECT_NO_THROW(canvas.validate(schema.vocabulary()));
  canvas.frozen_BL = canvas.frozen_BL.narrow(1, 0, 3);
  EXPECT_THROW(canvas.validate(schema.vocabulary()), c10::Error);
}

}  // namespace
}  // namespace palimpsest
