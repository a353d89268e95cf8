// The likelihood bound against its enumeration, and the pair matrix against plain scoring.
#include "pipelines/scoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "base/errors.h"
#include "tests/pipelines/tabulated.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

using Contents = std::map<std::string, at::Tensor>;

at::Tensor ids(std::initializer_list<std::int64_t> values) {
  return at::tensor(std::vector<std::int64_t>(values), at::kLong);
}

// sum over non-empty S of the scored positions of (|S|-1)! (L-|S|)! / L! sum_{l in S} -log p(x_l | x outside S): the
// NELBO integral in closed form.
double enumerated_bound(const TabulatedDenoiser& denoiser, const Filling& clean,
                        const std::vector<std::size_t>& scored) {
  const auto total = static_cast<double>(scored.size());
  double bound = 0;
  for (unsigned subset = 1; subset < 1u << scored.size(); ++subset) {
    const auto count = static_cast<double>(std::popcount(subset));
    Filling written = clean;
    for (std::size_t i = 0; i < scored.size(); ++i) {
      if (subset >> i & 1u) written[scored[i]] = kMaskId;
    }
    double nats = 0;
    for (std::size_t i = 0; i < scored.size(); ++i) {
      const auto l = static_cast<std::int64_t>(scored[i]);
      if (subset >> i & 1u) nats -= std::log(denoiser.conditional(written, l).at(clean[scored[i]]));
    }
    bound += std::exp(std::lgamma(count) + std::lgamma(total - count + 1) - std::lgamma(total + 1)) * nats;
  }
  return bound;
}

struct World {
  CanvasSchema schema = tabulated_schema();
  std::shared_ptr<TabulatedDenoiser> denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(3));
  DiffusionModel model{denoiser, schema, {}};
  Filling clean{kFirstModalityId + 2, kFirstModalityId + 1, kFirstModalityId + 3, kFirstModalityId + 4};
  ScoredDocument joint{{}, {{"word", ids({2, 1})}, {"picture", ids({0, 1})}}};
  ScoredDocument picture_of_word{{{"word", ids({2, 1})}}, {{"picture", ids({0, 1})}}};
};

TEST(LikelihoodBounds, AgreeWithTheEnumeratedBound) {
  const World world;
  ScoringOptions options;
  options.times = 400;
  const auto bounds = likelihood_bounds(world.model, {world.joint, world.picture_of_word}, options);
  const double joint = enumerated_bound(*world.denoiser, world.clean, {0, 1, 2, 3});
  const double conditional = enumerated_bound(*world.denoiser, world.clean, {2, 3});
  EXPECT_NEAR(bounds[0].nats, joint, 4 * bounds[0].standard_error);
  EXPECT_NEAR(bounds[1].nats, conditional, 4 * bounds[1].standard_error);
  EXPECT_LT(bounds[0].standard_error, 0.1 * joint);
}

// Without bias: the mean over many seeds closes in on the enumerated value, and two draws are enough for a fair
// estimate.
TEST(LikelihoodBounds, AreUnbiasedAtAnyNumberOfTimesAndHonestAboutTheirError) {
  const World world;
  const double exact = enumerated_bound(*world.denoiser, world.clean, {0, 1, 2, 3});
  for (const std::int64_t times : {1, 2, 5}) {
    ScoringOptions options;
    options.times = times;
    double sum = 0, squares = 0, claimed = 0;
    const int seeds = 600;
    for (options.seed = 0; options.seed < seeds; ++options.seed) {
      const Bound bound = likelihood_bounds(world.model, {world.joint}, options).front();
      sum += bound.nats;
      squares += bound.nats * bound.nats;
      claimed += bound.standard_error;
    }
    const double mean = sum / seeds, deviation = std::sqrt(squares / seeds - mean * mean);
    EXPECT_NEAR(mean, exact, 4 * deviation / std::sqrt(seeds)) << times;
    if (times > 2) {
      EXPECT_GT(claimed / seeds, 0.8 * deviation);  // stratified: it may overstate, hardly understate
    }
  }
}

// The exact denoiser's bound is exact: every order of writing gives log p, so p(x) itself must come out.
TEST(LikelihoodBounds, OfTheExactDenoiserAreTheLogLikelihood) {
  const World world;
  for (std::size_t i = 0; i < world.denoiser->fillings().size(); ++i) {
    const double bound = enumerated_bound(*world.denoiser, world.denoiser->fillings()[i], {0, 1, 2, 3});
    EXPECT_NEAR(bound, -std::log(world.denoiser->probabilities()[i]), 1e-9);
  }
}

TEST(LikelihoodBounds, AreReportedByModality) {
  const World world;
  const Bound bound = likelihood_bounds(world.model, {world.joint}, {}).front();
  ASSERT_EQ(bound.by_modality.size(), 2u);
  EXPECT_NEAR(bound.by_modality.at("text").nats + bound.by_modality.at("image").nats, bound.nats, 1e-9);
  EXPECT_EQ(bound.by_modality.at("text").tokens, 2);
  EXPECT_NEAR(bound.by_modality.at("text").bits_per_token(), bound.by_modality.at("text").nats / 2 / std::log(2.0),
              1e-12);
  EXPECT_NEAR(bound.by_modality.at("image").bits_per_dimension(12),
              bound.by_modality.at("image").nats / 12 / std::log(2.0), 1e-12);
  const double text = bound.by_modality.at("text").standard_error, image = bound.by_modality.at("image").standard_error;
  EXPECT_GT(std::min(text, image), 0);
  EXPECT_LE(bound.standard_error, text + image + 1e-12);
}

TEST(LikelihoodBounds, OfASingleDrawHaveNoKnownError) {
  const World world;
  ScoringOptions options;
  for (options.times = 1; options.times <= 2; ++options.times) {
    EXPECT_TRUE(std::isinf(likelihood_bounds(world.model, {world.joint}, options).front().standard_error));
  }
}

// The bound of another process needs no masks: an independent denoiser of known ids is exact under any of them.
class IndependentDenoiser : public Denoiser {
 public:
  explicit IndependentDenoiser(const Vocabulary& vocabulary)
      : logits_V_(normal(RandomKey::root(12), {vocabulary.size()})) {}
  at::Tensor logits_MV(const NoisyCanvas&, const at::Tensor& rows_M) override {
    return logits_V_.unsqueeze(0).expand({rows_M.numel(), vocabulary_size()});
  }
  std::int64_t vocabulary_size() const override { return logits_V_.numel(); }
  at::Tensor logits_V_;
};

TEST(LikelihoodBoundsLaw, OfOtherProcessesAreTheLikelihoodOfTheirExactDenoiser) {
  const CanvasSchema schema = tabulated_schema();
  const auto denoiser = std::make_shared<IndependentDenoiser>(schema.vocabulary());
  const ScoredDocument document{{{"word", ids({2, 1})}}, {{"picture", ids({0, 1})}}};
  const at::Tensor log_p = at::log_softmax(denoiser->logits_V_.slice(0, kFirstModalityId + 3), 0);
  for (const ProcessKind kind : {ProcessKind::kUniform, ProcessKind::kInterpolated}) {
    DiffusionModel model{denoiser, schema, {}};
    model.diffusion.process.kind = kind;
    model.diffusion.schedule.kind = ScheduleKind::kCosine;  // scored by its share, told its time
    ScoringOptions options;
    options.times = 600;
    const Bound bound = likelihood_bounds(model, {document}, options).front();
    EXPECT_NEAR(bound.nats, -log_p.sum().item<double>(), 4 * bound.standard_error);
    EXPECT_LT(bound.standard_error, 0.2 * bound.nats);
    EXPECT_EQ(bound.by_modality.at("image").tokens, 2);
    EXPECT_EQ(bound.by_modality.count("text"), 0u);
  }
}

TEST(LikelihoodBounds, CountAnElasticRoleUpToItsFirstEnd) {
  const DiffusionModel model = tiny_model();
  const ScoredDocument document{{{"picture", at::zeros({16}, at::kLong)}}, {{"caption", ids({1, 2})}}};
  ScoringOptions options;
  const Bound content = likelihood_bounds(model, {document}, options).front();
  options.count_filling = true;
  const Bound whole = likelihood_bounds(model, {document}, options).front();
  EXPECT_EQ(content.by_modality.at("text").tokens, 3);
  EXPECT_EQ(whole.by_modality.at("text").tokens, 5);
  EXPECT_LT(content.nats, whole.nats);
}

TEST(LikelihoodBounds, DoNotDependOnTheOtherDocuments) {
  const DiffusionModel model = tiny_model();
  std::vector<ScoredDocument> documents;
  for (std::int64_t i = 0; i < 7; ++i) {
    documents.push_back({{{"picture", at::full({16}, i % 4, at::kLong)}}, {{"caption", ids({i, 7 - i})}}});
    documents.push_back(
        {{{"caption", ids({i})}}, {{"speech", ids({0, 3, 1, 4})}, {"picture", at::full({16}, i % 4, at::kLong)}}});
  }
  ScoringOptions options;
  options.rows = 3;
  const auto together = likelihood_bounds(model, documents, options);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    EXPECT_NEAR(likelihood_bounds(model, {documents[i]}, options).front().nats, together[i].nats, 1e-4);
  }
}

TEST(ScoreMatrix, AgreesWithPlainScoringOfEveryPair) {
  const DiffusionModel model = tiny_model();
  std::vector<Contents> queries, candidates;
  for (std::int64_t i = 0; i < 4; ++i) queries.push_back({{"picture", at::arange(16).mul(i).remainder(4)}});
  for (std::int64_t i = 0; i < 5; ++i) candidates.push_back({{"caption", at::arange(1 + i % 3).add(i).remainder(8)}});
  ScoringOptions options;
  options.times = 6;
  options.rows = 7;
  const ScoreMatrix matrix = score_matrix(model, queries, candidates, options);
  for (std::size_t q = 0; q < queries.size(); ++q) {
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const Bound plain = likelihood_bounds(model, {{queries[q], candidates[c]}}, options).front();
      EXPECT_NEAR(matrix.log_prob_QC[static_cast<std::int64_t>(q)][static_cast<std::int64_t>(c)].item<double>(),
                  -plain.nats, 1e-4);
    }
  }
  EXPECT_TRUE(at::allclose(matrix.log_mean_prior_C.exp(), matrix.log_prob_QC.exp().mean(0)));
}

TEST(ScoreMatrix, TheHiddenPriorIsTheScoreWithoutAnythingGiven) {
  const World world;
  ScoringOptions options;
  options.times = 8;
  const ScoreMatrix matrix = score_matrix(world.model, {{{"word", ids({2, 1})}}, {{"word", ids({0, 0})}}},
                                          {{{"picture", ids({0, 1})}}}, options);
  EXPECT_NE(matrix.log_prob_QC[0][0].item<double>(), matrix.log_prob_QC[1][0].item<double>());
  // p(picture) of the table, with the word summed out; the exact denoiser scores it in any order of two positions.
  double marginal = 0;
  for (std::size_t i = 0; i < world.denoiser->fillings().size(); ++i) {
    const Filling& filling = world.denoiser->fillings()[i];
    if (filling[2] == world.clean[2] && filling[3] == world.clean[3]) marginal += world.denoiser->probabilities()[i];
  }
  options.times = 400;
  const ScoreMatrix fine = score_matrix(world.model, {{{"word", ids({2, 1})}}}, {{{"picture", ids({0, 1})}}}, options);
  EXPECT_NEAR(fine.log_prior_C[0].item<double>(), std::log(marginal), 0.02);
  EXPECT_NEAR(fine.pointwise_information_QC(true)[0][0].item<double>(),
              fine.log_prob_QC[0][0].item<double>() - fine.log_prior_C[0].item<double>(), 1e-12);
}

template <class Act>
std::string complaint(const Act& act) {
  try {
    act();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Scoring, NamesWhatIsWrong) {
  using testing::HasSubstr;
  const World world;
  ScoringOptions none;
  none.times = 0;
  EXPECT_THAT(complaint([&] { likelihood_bounds(world.model, {world.joint}, none); }),
              HasSubstr("times: must be at least 1, got 0"));
  EXPECT_THAT(complaint([&] {
                likelihood_bounds(world.model, {{{{"word", ids({0, 0})}}, {}}}, {});
              }),
              HasSubstr("nothing is to be scored"));
  EXPECT_THAT(complaint([&] {
                likelihood_bounds(world.model, {{{}, {{"words", ids({0, 0})}}}}, {});
              }),
              HasSubstr("did you mean 'word'"));
  const Contents word{{"word", ids({0, 0})}};
  EXPECT_THAT(complaint([&] { score_matrix(world.model, {word}, {word}, {}); }),
              HasSubstr("word: is both given and scored"));
  EXPECT_THAT(complaint([&] { score_matrix(world.model, {}, {word}, {}); }), HasSubstr("queries: must not be empty"));
}

}  // namespace
}  // namespace palimpsest::test
