#include "datasets/loading/mixture.h"

#include <gmock/gmock.h>

namespace palimpsest {
namespace {

constexpr std::int64_t kPatternSlots = 4096;  // weights are honoured to one part in this many

// So many rows, each with its own number as the only id; every third lacks its title.
class NumberedRows : public TokenSet {
 public:
  explicit NumberedRows(std::int64_t rows) : rows_(rows) {}
  std::int64_t rows() const override { return rows_; }
  std::string key(std::int64_t) const override { return text_; }
  nlohmann::json meta(std::int64_t) const override { return {}; }
  std::vector<std::string> roles() const override { return {"caption", "title"}; }
  std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const override {
    if (role == "title" && row % 3 == 0) return std::nullopt;
    return at::full({1}, row, at::kLong);
  }
  const std::string& fingerprint(const std::string&) const override { return text_; }

 private:
  std::int64_t rows_;
  std::string text_;
};

Mixture mixture_of(const std::vector<std::pair<std::int64_t, double>>& rows_and_weights, std::uint64_t seed = 0) {
  std::vector<MixturePart> parts;
  for (const auto& [rows, weight] : rows_and_weights) parts.push_back({std::make_shared<NumberedRows>(rows), weight});
  return Mixture(parts, RandomKey::root(seed));
}

std::vector<std::int64_t> part_counts(const Mixture& mixture, std::int64_t begin, std::int64_t end, std::size_t parts) {
  std::vector<std::int64_t> counted(parts, 0);
  for (std::int64_t index = begin; index < end; ++index) ++counted[mixture.place(index).part];
  return counted;
}

TEST(Mixture, WeightsAreSharesToOnePartInTheirPattern) {
  const std::vector<double> weights{0.5, 3.0, 1.25, 0.001};
  const Mixture mixture = mixture_of({{5, 0.5}, {700, 3.0}, {64, 1.25}, {9, 0.001}});
  for (const std::int64_t begin : {std::int64_t{0}, 10 * kPatternSlots}) {
    const auto counted = part_counts(mixture, begin, begin + kPatternSlots, 4);
    for (std::size_t part = 0; part < 4; ++part) {
      EXPECT_NEAR(static_cast<double>(counted[part]), weights[part] / 4.751 * static_cast<double>(kPatternSlots), 1.0)
          << part;
    }
  }
}

TEST(Mixture, OnlyTheRatioOfWeightsCounts) {
  const Mixture one = mixture_of({{50, 1.0}, {70, 3.0}}), tenfold = mixture_of({{50, 10.0}, {70, 30.0}});
  for (std::int64_t index = 0; index < 500; ++index) EXPECT_TRUE(one.place(index) == tenfold.place(index)) << index;
}

TEST(Mixture, AnyStretchHoldsThePartsEvenly) {
  const Mixture mixture = mixture_of({{100, 1.0}, {100, 2.0}, {100, 5.0}});
  for (std::int64_t end = 1; end <= 600; ++end) {
    const auto counted = part_counts(mixture, 0, end, 3);
    for (std::size_t part = 0; part < 3; ++part) {
      const double due = std::vector<double>{1, 2, 5}[part] / 8 * static_cast<double>(end);
      ASSERT_NEAR(static_cast<double>(counted[part]), due, 1.01) << part << " of the first " << end;
    }
  }
}

TEST(Mixture, EveryEpochOfAPartIsAPermutationOfItsRows) {
  const Mixture mixture = mixture_of({{37, 1.0}, {1, 1.0}, {500, 2.0}});
  std::map<std::pair<std::size_t, std::int64_t>, std::vector<std::int64_t>> epochs;
  std::vector<std::int64_t> last_epoch(3, 0);
  for (std::int64_t index = 0; index < 3 * kPatternSlots; ++index) {
    const Mixture::Place place = mixture.place(index);
    EXPECT_GE(place.epoch, last_epoch[place.part]) << "epochs follow each other";
    last_epoch[place.part] = place.epoch;
    epochs[{place.part, place.epoch}].push_back(place.row);
  }
  for (const auto& [part_and_epoch, rows] : epochs) {
    const std::int64_t size = mixture.part(part_and_epoch.first).set->rows();
    const bool last = part_and_epoch.second == last_epoch[part_and_epoch.first];
    EXPECT_EQ(std::set<std::int64_t>(rows.begin(), rows.end()).size(), rows.size()) << "no row twice";
    EXPECT_TRUE(std::all_of(rows.begin(), rows.end(), [size](std::int64_t row) { return 0 <= row && row < size; }));
    EXPECT_TRUE(last || static_cast<std::int64_t>(rows.size()) == size) << "every row once";
  }
  EXPECT_GT(last_epoch[0], 50);
  const auto first = epochs[{0, 0}], second = epochs[{0, 1}];
  EXPECT_NE(first, second) << "shuffled anew";
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
}

TEST(Mixture, AnIndexAloneSaysTheRowSoThatResumingNeedsNothingElse) {
  const Mixture mixture = mixture_of({{37, 1.0}, {500, 2.0}}, 5);
  std::vector<Mixture::Place> in_order;
  for (std::int64_t index = 0; index < 2000; ++index) in_order.push_back(mixture.place(index));
  const Mixture resumed = mixture_of({{37, 1.0}, {500, 2.0}}, 5);
  for (std::int64_t index = 1999; index >= 0; --index)
    ASSERT_TRUE(resumed.place(index) == in_order[static_cast<std::size_t>(index)]) << index;
}

TEST(Mixture, AnotherSeedIsAnotherOrderOfTheSameParts) {
  const Mixture one = mixture_of({{37, 1.0}, {500, 2.0}}, 5), other = mixture_of({{37, 1.0}, {500, 2.0}}, 6);
  std::int64_t same = 0;
  for (std::int64_t index = 0; index < 1000; ++index) {
    EXPECT_EQ(one.place(index).part, other.place(index).part);
    same += one.place(index).row == other.place(index).row;
  }
  EXPECT_LT(same, 100);
}

TEST(Mixture, ALateIndexIsAsGoodAsAnEarlyOne) {
  const Mixture mixture = mixture_of({{37, 1.0}, {500, 2.0}});
  const Mixture::Place place = mixture.place(std::int64_t{1} << 40);
  EXPECT_LT(place.row, mixture.part(place.part).set->rows());
  EXPECT_GT(place.epoch, 1'000'000);
}

TEST(Mixture, ADocumentHoldsTheRowsRolesAndHidesThoseItLacks) {
  const Mixture mixture = mixture_of({{6, 1.0}});
  const Document whole = mixture.document({0, 4, 0}), partial = mixture.document({0, 3, 0});
  EXPECT_EQ(whole.roles.at("caption").ids_L.item<std::int64_t>(), 4);
  EXPECT_FALSE(whole.roles.at("caption").frozen);
  EXPECT_TRUE(whole.hidden.empty());
  EXPECT_FALSE(partial.roles.contains("title"));
  EXPECT_THAT(partial.hidden, testing::ElementsAre("title"));
}

// The order of all ranks' samples, taken one from each in turn, is the same for any number of ranks.
TEST(Mixture, RanksShareAStepSoThatTheGlobalOrderStays) {
  for (const std::int64_t step : {0, 7}) {
    for (const std::int64_t ranks : {1, 2, 3, 4, 6, 12}) {
      std::vector<std::int64_t> together;
      for (std::int64_t turn = 0; turn < 12 / ranks; ++turn) {
        for (std::int64_t rank = 0; rank < ranks; ++rank)
          together.push_back(share_of_step(step, 12, rank, ranks)[static_cast<std::size_t>(turn)]);
      }
      for (std::int64_t sample = 0; sample < 12; ++sample)
        EXPECT_EQ(together[static_cast<std::size_t>(sample)], step * 12 + sample) << ranks;
    }
  }
  EXPECT_THROW(share_of_step(0, 12, 0, 5), c10::Error);
  EXPECT_THROW(share_of_step(0, 12, 2, 2), c10::Error);
}

TEST(Mixture, RefusesWhatCannotBeMixed) {
  EXPECT_THROW(mixture_of({}), c10::Error);
  EXPECT_THROW(mixture_of({{0, 1.0}}), c10::Error);
  EXPECT_THROW(mixture_of({{5, 0.0}}), c10::Error);
  EXPECT_THROW(mixture_of({{5, -1.0}}), c10::Error);
  EXPECT_THROW(mixture_of({{5, std::numeric_limits<double>::quiet_NaN()}}), c10::Error);
  EXPECT_THROW(mixture_of({{5, 1.0}}).place(-1), c10::Error);
}

}  // namespace
}  // namespace palimpsest
