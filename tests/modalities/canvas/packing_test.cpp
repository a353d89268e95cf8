#include "modalities/canvas/packing.h"

#include <gmock/gmock.h>

#include <numeric>

#include "base/random.h"
#include "tests/modalities/canvas/random_schema.h"
#include "tests/support/soak.h"

namespace palimpsest {
namespace {

const RandomKey kPackingKey = RandomKey::root(5).fold("packing");

std::vector<std::int64_t> random_lengths(RandomKey key, std::int64_t count, std::int64_t longest) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < count; ++i) {
    lengths.push_back(
        1 + static_cast<std::int64_t>(key.below(static_cast<std::uint64_t>(longest), static_cast<std::uint64_t>(i))));
  }
  return lengths;
}

std::int64_t length_of(const std::vector<std::size_t>& row, const std::vector<std::int64_t>& lengths) {
  return std::accumulate(row.begin(), row.end(), std::int64_t{0},
                         [&](std::int64_t sum, std::size_t document) { return sum + lengths[document]; });
}

double fill(const PackingPlan& plan, const std::vector<std::int64_t>& lengths, std::int64_t row_length) {
  const auto sum = std::accumulate(lengths.begin(), lengths.end(), 0.0);
  return sum / static_cast<double>(plan.size()) / static_cast<double>(row_length);
}

TEST(Packing, NothingIsLostAndNothingIsTwiceAndEveryRowFits) {
  for (std::uint64_t round = 0; round < 100 * soak_factor(); ++round) {
    const RandomKey key = kPackingKey.fold(round);
    const auto row_length = static_cast<std::int64_t>(1 + key.below(60, 0));
    const auto lengths = random_lengths(key.fold("lengths"), static_cast<std::int64_t>(key.below(80, 1)), row_length);
    for (const PackingPlan& plan : {best_fit(lengths, row_length), first_fit(lengths, row_length)}) {
      std::vector<std::int64_t> seen(lengths.size(), 0);
      for (const auto& row : plan) {
        EXPECT_FALSE(row.empty());
        EXPECT_LE(length_of(row, lengths), row_length);
        for (const std::size_t document : row) ++seen[document];
      }
      EXPECT_THAT(seen, testing::Each(1)) << round;
    }
    EXPECT_EQ(best_fit(lengths, row_length), best_fit(lengths, row_length));
  }
}

// Another order of the same lengths packs into as many rows of the same lengths: only the names differ.
TEST(Packing, BestFitDependsOnLengthsAlone) {
  const auto lengths = random_lengths(kPackingKey, 60, 40);
  std::vector<std::int64_t> reversed(lengths.rbegin(), lengths.rend());
  const auto sizes = [](const PackingPlan& plan, const std::vector<std::int64_t>& of) {
    std::vector<std::int64_t> rows;
    for (const auto& row : plan) rows.push_back(length_of(row, of));
    return rows;
  };
  EXPECT_EQ(sizes(best_fit(lengths, 64), lengths), sizes(best_fit(reversed, 64), reversed));
}

TEST(Packing, BestFitLeavesLittleEmptyWhereDocumentsAreMany) {
  for (const std::int64_t longest : {40, 100, 250}) {
    const auto lengths = random_lengths(kPackingKey.fold(7), 2000, longest);
    EXPECT_GE(fill(best_fit(lengths, 512), lengths, 512), 0.99) << longest;
    EXPECT_GE(fill(best_fit(lengths, 512), lengths, 512), fill(first_fit(lengths, 512), lengths, 512)) << longest;
  }
}

TEST(Packing, RefusesLengthsThatCannotBe) {
  EXPECT_THROW(best_fit({3, 0}, 5), c10::Error);
  EXPECT_THROW(best_fit({6}, 5), c10::Error);
  EXPECT_THROW(first_fit({6}, 5), c10::Error);
}

Document text_document(std::int64_t length) { return {{{"page", {at::arange(length, at::kLong), false, {}}}}, {}}; }

TEST(Packing, ACanvasHoldsThePlansDocumentsAndReadsBack) {
  const CanvasSchema schema({{"page", text_layout(9), true}}, Vocabulary({{"text", {20}}}));
  const std::vector<Document> documents{text_document(3), text_document(9), text_document(5), text_document(0)};
  std::vector<std::int64_t> lengths;
  for (const Document& document : documents) lengths.push_back(packed_length(schema, document));
  EXPECT_THAT(lengths, testing::ElementsAre(4, 9, 6, 1));
  const PackingPlan plan = best_fit(lengths, 10);
  EXPECT_THAT(plan, testing::ElementsAre(testing::ElementsAre(1, 3), testing::ElementsAre(2, 0)));
  const TokenCanvas canvas = pack_canvas(schema, documents, plan, 10);
  EXPECT_EQ(fill_of(canvas), 1.0);
  const std::vector<Document> read = read_canvas(schema, canvas);
  ASSERT_EQ(read.size(), 4u);
  std::size_t number = 0;
  for (const auto& row : plan) {
    for (const std::size_t document : row)
      EXPECT_TRUE(read[number++].roles.at("page").ids_L.equal(documents[document].roles.at("page").ids_L));
  }
  EXPECT_THROW(pack_canvas(schema, documents, {{1, 3}, {2}}, 10), c10::Error) << "one is left out";
  EXPECT_THROW(pack_canvas(schema, documents, {{1, 2}, {0, 3}}, 10), c10::Error) << "too long a row";
}

}  // namespace
}  // namespace palimpsest
