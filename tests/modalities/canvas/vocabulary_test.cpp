#include "modalities/canvas/vocabulary.h"

#include <gtest/gtest.h>

#include <array>

#include "base/errors.h"
#include "modalities/canvas/schema.h"

namespace palimpsest {
namespace {

Vocabulary three_modalities() { return Vocabulary({{"text", {100}}, {"image", {4, 8, 16}}, {"audio", {32}}}); }

TEST(Vocabulary, RangesFollowOneAnotherAfterTheSpecialIds) {
  const Vocabulary vocabulary = three_modalities();
  EXPECT_EQ(vocabulary.range(0).begin, kFirstModalityId);
  EXPECT_EQ(vocabulary.range(1).begin, kFirstModalityId + 100);
  EXPECT_EQ(vocabulary.range(2).begin, vocabulary.range(1).end);
  EXPECT_EQ(vocabulary.range(2).size(), 32);
  EXPECT_EQ(vocabulary.size(), 16 + 100 + 28 + 32);
}

TEST(Vocabulary, ClassesAreTwoASubRange) {
  const Vocabulary vocabulary = three_modalities();
  EXPECT_EQ(vocabulary.num_classes(), 2 * (1 + 3 + 1));
  EXPECT_EQ(vocabulary.class_of(0, 5, true), 1);  // one sub-range is shared by all depths
  EXPECT_EQ(vocabulary.class_of(1, 2, false), 2 + 4);
  EXPECT_EQ(vocabulary.legal_class(vocabulary.class_of(1, 1, false)).range.begin, 16 + 100 + 4);
  EXPECT_EQ(vocabulary.legal_class(vocabulary.class_of(2, 0, true)).modality, 2);
  EXPECT_THROW(vocabulary.class_of(1, 3, false), c10::Error);
}

TEST(Vocabulary, LegalTableAgreesWithTheClasses) {
  const Vocabulary vocabulary = three_modalities();
  for (std::int64_t c = 0; c < vocabulary.num_classes(); ++c) {
    const LegalClass& legal = vocabulary.legal_class(c);
    for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
      const bool expected = (id >= legal.range.begin && id < legal.range.end) || (id == kEndId && legal.with_end);
      ASSERT_EQ(vocabulary.legal_CV()[c][id].item<bool>(), expected) << "class " << c << ", id " << id;
    }
  }
}

TEST(Vocabulary, EveryIdOfAModalityIsLegalInExactlyOnePlainClass) {
  const Vocabulary vocabulary = three_modalities();
  std::int64_t legal = 0;
  for (std::int64_t c = 0; c < vocabulary.num_classes(); c += 2)
    legal += vocabulary.legal_CV()[c].sum().item<std::int64_t>();
  EXPECT_EQ(legal, vocabulary.size() - kFirstModalityId);
}

TEST(Vocabulary, LocalAndJointIdsAreInverse) {
  const Vocabulary vocabulary = three_modalities();
  const at::Tensor local = at::arange(28);
  EXPECT_TRUE(at::equal(vocabulary.to_local(vocabulary.to_joint(local, 1), 1), local));
  EXPECT_EQ(vocabulary.to_joint(local, 1)[0].item<std::int64_t>(), vocabulary.range(1).begin);
}

TEST(Vocabulary, MistakesAreRefused) {
  const auto make = [](std::vector<CodeSpace> spaces) { return Vocabulary(std::move(spaces)); };
  EXPECT_THROW(make({{"text", {3}}, {"text", {4}}}), c10::Error);
  EXPECT_THROW(make({CodeSpace{"text", {3, 0}}}), c10::Error);
  EXPECT_THROW(make({CodeSpace{"text", {}}}), c10::Error);
  EXPECT_THROW(three_modalities().modality_index("imagf"), InputError);
}

TEST(Layout, UsualShapes) {
  const auto coordinates = [](const Layout& layout, std::int64_t i) {
    const at::Tensor row = layout.coordinates_LA[i];
    return std::array{row[0].item<int>(), row[1].item<int>(), row[2].item<int>()};
  };
  EXPECT_EQ(coordinates(text_layout(4), 3), (std::array{0, 3, 0}));
  EXPECT_EQ(coordinates(grid_layout(3, 4), 7), (std::array{0, 1, 3}));
  EXPECT_EQ(coordinates(frame_layout(3, 2), 5), (std::array{1, 2, 0}));
  EXPECT_EQ(grid_layout(3, 4).length(), 12);
  EXPECT_THROW((Layout{"text", at::zeros({3, 2}, at::kInt)}.validate()), c10::Error);
  EXPECT_THROW((Layout{"text", at::zeros({3, 3}, at::kLong)}.validate()), c10::Error);
  EXPECT_THROW((Layout{"text", at::full({3, 3}, -1, at::kInt)}.validate()), c10::Error);
}

TEST(Schema, RolesLieEndToEndAndKeepTheirIndicesWhenRestricted) {
  const CanvasSchema schema({{"caption", text_layout(5), true},
                             {"picture", grid_layout(2, 3), false},
                             {"speech", text_layout(4, "audio"), false}},
                            Vocabulary({{"text", {9}}, {"image", {9}}, {"audio", {9}}}));
  EXPECT_EQ(schema.length(), 15);
  EXPECT_EQ(schema.role_begin(2), 11);
  const CanvasSchema narrow = schema.with_roles({"speech", "caption"});
  EXPECT_EQ(narrow.length(), 9);
  EXPECT_EQ(narrow.role_begin(2), 5);
  EXPECT_EQ(narrow.role_index("speech"), 2);
  EXPECT_FALSE(narrow.holds(1));
  EXPECT_THROW(narrow.role_begin(1), c10::Error);
  EXPECT_THROW(narrow.with_roles({"picture"}), InputError);
  EXPECT_THROW(schema.with_roles({"captions"}), InputError);
  EXPECT_EQ(narrow.role_L()[5].item<std::int64_t>(), 2);
}

TEST(Schema, MistakesAreRefused) {
  const Vocabulary vocabulary({CodeSpace{"text", {9}}});
  EXPECT_THROW(CanvasSchema({{"a", text_layout(2), false}, {"a", text_layout(2), false}}, vocabulary), c10::Error);
  EXPECT_THROW(CanvasSchema({{"a", text_layout(0), false}}, vocabulary), c10::Error);
  EXPECT_THROW(CanvasSchema({{"a", grid_layout(2, 2), false}}, vocabulary), c10::Error);
}

}  // namespace
}  // namespace palimpsest
