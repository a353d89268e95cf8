#include "backbone/diffusion/corruption.h"

#include <gtest/gtest.h>

#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

constexpr std::int64_t kDocuments = 512;
const RandomKey kCorruptionKey = RandomKey::root(11);

struct Noised {
  CanvasSchema schema = test::small_schema();
  TokenCanvas clean;
  NoisyCanvas noisy;
};

Noised noised(const DiffusionOptions& options, std::int64_t documents = kDocuments) {
  Noised result;
  result.clean = build_canvas(result.schema, test::random_documents(result.schema, documents, 3));
  result.noisy = corrupt(result.clean, result.schema, options, kCorruptionKey, test::indices(0, documents), 64);
  return result;
}

at::Tensor span_of(const at::Tensor& x_BL, const Span& span) {
  return x_BL[span.row].slice(0, span.begin, span.begin + span.length);
}

TEST(Corrupt, MasksWhatItSaysAndNothingElse) {
  const Noised n = noised({});
  const at::Tensor changed_BL = n.noisy.canvas.tokens_BL.ne(n.clean.tokens_BL);
  const at::Tensor hidden_BL = n.noisy.canvas.visible_BL.logical_not();
  EXPECT_TRUE(changed_BL.equal(n.noisy.masked_BL.logical_or(hidden_BL)));
  EXPECT_TRUE(n.noisy.canvas.tokens_BL.masked_select(n.noisy.masked_BL).eq(kMaskId).all().item<bool>());
  EXPECT_FALSE(n.noisy.masked_BL.logical_and(n.noisy.t_BL.eq(0)).any().item<bool>());
  EXPECT_FALSE(n.noisy.masked_BL.logical_and(hidden_BL).any().item<bool>());
}

TEST(Corrupt, MasksAtTheRateOfTheTime) {
  DiffusionOptions options;
  options.schedule.kind = ScheduleKind::kCosine;
  const Noised n = noised(options);
  const at::Tensor rate_BL = 1 - NoiseSchedule(options.schedule).alpha(n.noisy.t_BL);
  for (const double low : {0.0, 0.25, 0.5, 0.75}) {
    const at::Tensor in_BL = n.noisy.t_BL.gt(0).logical_and(rate_BL.ge(low)).logical_and(rate_BL.lt(low + 0.25));
    const double count = in_BL.sum().item<double>();
    const double expected = rate_BL.masked_select(in_BL).mean().item<double>();
    const double found = n.noisy.masked_BL.masked_select(in_BL).to(at::kDouble).mean().item<double>();
    EXPECT_NEAR(found, expected, 4 * 0.5 / std::sqrt(count)) << low;
  }
}

TEST(Corrupt, OneTimeARoleAndItsOwnAModality) {
  DiffusionOptions options;
  options.conditional = 0;
  const Noised n = noised(options, 64);
  std::vector<double> text, image;
  for (const Span& span : n.noisy.canvas.spans) {
    const at::Tensor t_L = span_of(n.noisy.t_BL, span);
    EXPECT_TRUE(t_L.eq(t_L[0]).all().item<bool>());
    if (span.role == 0) text.push_back(t_L[0].item<double>());
    if (span.role == 1) image.push_back(t_L[0].item<double>());
  }
  const at::Tensor pair = at::stack({at::tensor(text, at::kDouble), at::tensor(image, at::kDouble)});
  EXPECT_LT(std::abs(at::corrcoef(pair)[0][1].item<double>()), 0.5);  // four deviations of 64 samples
}

// How many documents of three roles have which of them given, by the subset's bits.
std::map<int, int> given_subsets(const Noised& n) {
  std::map<int, int> seen;
  for (std::size_t first = 0; first < n.noisy.canvas.spans.size(); first += 3) {
    int given = 0;
    for (std::size_t s = 0; s < 3; ++s)
      given |= (span_of(n.noisy.t_BL, n.noisy.canvas.spans[first + s]).eq(0).all().item<bool>()) << s;
    ++seen[given];
  }
  return seen;
}

TEST(Corrupt, GivesEveryProperSubsetAsOften) {
  DiffusionOptions options;
  options.hide_given = 0;
  const Noised n = noised(options, 4 * kDocuments);
  std::map<int, int> seen = given_subsets(n);
  EXPECT_EQ(seen.count(7), 0u);  // never all of them
  const double documents = 4.0 * kDocuments;
  EXPECT_NEAR(seen[0] / documents, 0.2, 4 * std::sqrt(0.2 * 0.8 / documents));
  for (int subset = 1; subset < 7; ++subset) {
    EXPECT_NEAR(seen[subset] / documents, 0.8 / 6, 4 * std::sqrt(0.133 * 0.867 / documents)) << subset;
  }
}

TEST(Corrupt, GivesASubsetByTheOddsOfItsRoles) {
  const CanvasSchema schema = test::small_schema();
  DiffusionOptions options;
  options.conditional = 1;
  options.hide_given = 0;
  options.given_odds[schema.role(1).name] = 4;
  const Noised n = noised(options, 4 * kDocuments);
  std::map<int, int> seen = given_subsets(n);
  const double documents = 4.0 * kDocuments;
  for (int subset = 1; subset < 7; ++subset) {
    const double expected = (subset & 2 ? 4.0 : 1.0) / 15;  // 1 + 4 + 1 alone, 4 + 1 + 4 in pairs
    EXPECT_NEAR(seen[subset] / documents, expected, 4 * std::sqrt(expected / documents)) << subset;
  }
}

TEST(Corrupt, HidesGivenRolesWhole) {
  DiffusionOptions options;
  options.conditional = 1;
  options.hide_given = 0.5;
  const Noised n = noised(options);
  double given = 0, hidden = 0;
  for (const Span& span : n.noisy.canvas.spans) {
    const at::Tensor visible_L = span_of(n.noisy.canvas.visible_BL, span);
    if (span_of(n.noisy.t_BL, span).gt(0).all().item<bool>()) continue;
    ++given;
    if (visible_L.all().item<bool>()) {
      EXPECT_TRUE(span_of(n.noisy.canvas.tokens_BL, span).equal(span_of(n.clean.tokens_BL, span)));
      continue;
    }
    ++hidden;
    EXPECT_FALSE(visible_L.any().item<bool>());
    EXPECT_TRUE(span_of(n.noisy.canvas.tokens_BL, span).eq(kMaskId).all().item<bool>());
  }
  EXPECT_NEAR(hidden / given, 0.5, 4 * 0.5 / std::sqrt(given));
}

TEST(Corrupt, LeavesFrozenAndAbsentRolesAlone) {
  const CanvasSchema schema = test::small_schema();
  Document document = test::random_document(schema, kCorruptionKey, "speech");
  document.roles["caption"].frozen = true;
  const TokenCanvas clean = build_canvas(schema, {document});
  DiffusionOptions options;
  options.conditional = 0;
  const NoisyCanvas noisy = corrupt(clean, schema, options, kCorruptionKey, {0}, 1);
  const Span &caption = clean.spans[0], &picture = clean.spans[1], &speech = clean.spans[2];
  EXPECT_TRUE(span_of(noisy.canvas.tokens_BL, caption).equal(span_of(clean.tokens_BL, caption)));
  EXPECT_TRUE(span_of(noisy.t_BL, caption).eq(0).all().item<bool>());
  EXPECT_TRUE(span_of(noisy.t_BL, picture).gt(0).all().item<bool>());
  EXPECT_FALSE(span_of(noisy.canvas.visible_BL, speech).any().item<bool>());
  EXPECT_FALSE(span_of(noisy.masked_BL, speech).any().item<bool>());
}

TEST(Corrupt, DependsOnTheGlobalIndexAlone) {
  const Noised n = noised({}, 96);
  const NoisyCanvas part = corrupt(n.clean.slice_rows(40, 20), n.schema, {}, kCorruptionKey, test::indices(40, 20), 64);
  EXPECT_TRUE(part.canvas.tokens_BL.equal(n.noisy.canvas.tokens_BL.slice(0, 40, 60)));
  EXPECT_TRUE(part.t_BL.equal(n.noisy.t_BL.slice(0, 40, 60)));
  EXPECT_TRUE(part.canvas.visible_BL.equal(n.noisy.canvas.visible_BL.slice(0, 40, 60)));
}

TEST(Corrupt, PackedDocumentsGetTheNoiseTheyGetAlone) {
  const CanvasSchema schema = test::small_schema();
  const std::vector<Document> documents = test::random_documents(schema, 6, 8);
  const TokenCanvas alone = build_canvas(schema, documents),
                    packed = pack_canvas(schema, documents, 3 * schema.length());
  ASSERT_LT(packed.rows(), alone.rows());
  const NoisyCanvas noisy_alone = corrupt(alone, schema, {}, kCorruptionKey, test::indices(0, 6), 6);
  const NoisyCanvas noisy_packed = corrupt(packed, schema, {}, kCorruptionKey, test::indices(0, 6), 6);
  ASSERT_EQ(alone.spans.size(), packed.spans.size());
  for (std::size_t s = 0; s < packed.spans.size(); ++s) {
    Span same = alone.spans[s];
    same.length = packed.spans[s].length;  // packed captions are as short as their content
    EXPECT_TRUE(
        span_of(noisy_packed.canvas.tokens_BL, packed.spans[s]).equal(span_of(noisy_alone.canvas.tokens_BL, same)));
    EXPECT_TRUE(span_of(noisy_packed.t_BL, packed.spans[s]).equal(span_of(noisy_alone.t_BL, same)));
  }
  EXPECT_FALSE(noisy_packed.masked_BL.logical_and(packed.document_BL.lt(0)).any().item<bool>());
}

// Golden: the first version of this function drew these ids, so runs from before the table [diffusion] grew go on bit
// for bit.
TEST(Corrupt, DrawsAtTheDefaultsWhatItAlwaysDrew) {
  const CanvasSchema schema = test::small_schema();
  const TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 64, 5));
  DiffusionOptions options;
  options.schedules["image"].kind = ScheduleKind::kCosine;
  const NoisyCanvas noisy = corrupt(clean, schema, options, RandomKey::root(6), test::indices(0, 64), 16);
  const at::Tensor tokens_BL = noisy.canvas.tokens_BL.contiguous();
  std::uint64_t hash = 0x14650fb0739d0383;
  for (std::int64_t i = 0; i < tokens_BL.numel(); ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(tokens_BL.const_data_ptr<std::int64_t>()[i])) * 0x100000001b3;
  }
  EXPECT_EQ(hash, 0x81d67c9d8c8e64d2u);
  EXPECT_FALSE(noisy.weight_BL.defined());
}

TEST(Corrupt, RefusesTheWrongNumberOfIndices) {
  const CanvasSchema schema = test::small_schema();
  const TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 2, 1));
  EXPECT_THROW(corrupt(clean, schema, {}, kCorruptionKey, {0}, 1), c10::Error);
  EXPECT_THROW(corrupt(clean, schema, {}, kCorruptionKey, {0, 1, 2}, 1), c10::Error);
}

}  // namespace
}  // namespace palimpsest
