// What holds for every policy: given ids stay, illegal ids never appear, alone equals in a batch, traces replay.
#include "pipelines/sampling/sampler.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "pipelines/sampling/guidance.h"
#include "tests/pipelines/tabulated.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

// Logits that are a pure function of what the row shows and of the position: every schema has one.
class HashDenoiser : public Denoiser {
 public:
  explicit HashDenoiser(std::int64_t vocabulary_size) : vocabulary_size_(vocabulary_size) {}
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    at::Tensor logits_MV = at::empty({rows_M.numel(), vocabulary_size_}, at::kFloat);
    const std::int64_t length = noisy.canvas.length();
    for (std::int64_t m = 0; m < rows_M.numel(); ++m) {
      const std::int64_t flat = rows_M[m].item<std::int64_t>();
      RandomKey key = RandomKey::root(9).fold(static_cast<std::uint64_t>(flat % length));
      for (const std::int64_t id : row_of(noisy.canvas.tokens_BL, flat / length))
        key = key.fold(static_cast<std::uint64_t>(id));
      for (std::int64_t v = 0; v < vocabulary_size_; ++v) {
        logits_MV.mutable_data_ptr<float>()[m * vocabulary_size_ + v] =
            static_cast<float>(8 * key.uniform(static_cast<std::uint64_t>(v)));
      }
    }
    return logits_MV;
  }
  std::int64_t vocabulary_size() const override { return vocabulary_size_; }

 private:
  std::int64_t vocabulary_size_;
};

// Up to three roles over up to two modalities, fixed or elastic, one or two sub-ranges.
CanvasSchema random_schema(RandomKey key) {
  const Vocabulary vocabulary(
      std::vector<CodeSpace>{{"text", {2 + static_cast<std::int64_t>(key.below(4, 0))}}, {"audio", {2, 3}}});
  std::vector<Role> roles;
  const auto count = 1 + key.below(3, 1);
  for (std::uint64_t r = 0; r < count; ++r) {
    const auto length = 1 + static_cast<std::int64_t>(key.below(4, 10 + r));
    const bool text = key.below(2, 20 + r) == 0;
    roles.push_back(
        {"role" + std::to_string(r), text ? text_layout(length) : frame_layout(length, 2), key.below(2, 30 + r) == 0});
  }
  return CanvasSchema(std::move(roles), vocabulary);
}

SamplerOptions random_options(RandomKey key) {
  SamplerOptions options;
  options.unmask = key.below(2, 0) ? UnmaskKind::kConfidence : UnmaskKind::kAncestral;
  options.grid = key.below(2, 1) ? TimeGridKind::kUniform : TimeGridKind::kCosine;
  options.steps = 1 + static_cast<std::int64_t>(key.below(9, 2));
  options.guidance = std::array{1.0, 0.0, 2.5}[key.below(3, 3)];
  options.temperature = std::array{1.0, 0.0, 3.0}[key.below(3, 4)];
  options.top_k = static_cast<std::int64_t>(key.below(3, 5));
  options.top_p = std::array{1.0, 0.6}[key.below(2, 6)];
  return options;
}

// A canvas with some roles given, some with holes, some to be made.
TokenCanvas random_canvas(const CanvasSchema& schema, RandomKey key, std::int64_t rows) {
  std::vector<Document> documents(static_cast<std::size_t>(rows));
  for (std::size_t row = 0; row < documents.size(); ++row) {
    for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
      const Role& role = schema.role(r);
      const RandomKey own = key.fold(row).fold(static_cast<std::uint64_t>(r));
      if (own.below(2, 0) == 0) continue;
      Document::Filling filling{at::zeros({role.length()}, at::kLong), true, {}};
      const CodeSpace& space = schema.vocabulary().space(schema.modality_of(r));
      for (std::int64_t l = 0; l < role.length(); ++l) {
        filling.ids_L[l] =
            space.sub_range_begin(space.sub_range_of(role.layout.coordinates_LA[l][0].item<std::int64_t>()));
      }
      if (own.below(3, 1) == 0) filling.known_L = at::arange(role.length()).remainder(2).eq(0);
      documents[row].roles[role.name] = filling;
    }
  }
  return build_canvas(schema, documents);
}

void expect_sound(const CanvasSchema& schema, const TokenCanvas& start, const TokenCanvas& end) {
  const at::Tensor given_BL = start.frozen_BL;
  ASSERT_TRUE(at::equal(end.tokens_BL.masked_select(given_BL), start.tokens_BL.masked_select(given_BL)));
  ASSERT_FALSE(end.tokens_BL.eq(kMaskId).any().item<bool>());
  const at::Tensor legal_BL = schema.vocabulary()
                                  .legal_CV()
                                  .index_select(0, end.legal_class_BL.reshape({-1}))
                                  .gather(1, end.tokens_BL.reshape({-1, 1}));
  ASSERT_TRUE(legal_BL.all().item<bool>());
  for (std::int64_t row = 0; row < end.rows(); ++row) {
    for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
      bool ended = false;
      for (std::int64_t l = 0; l < schema.role(r).length(); ++l) {
        const std::int64_t at = schema.role_begin(r) + l;
        const std::int64_t id = end.tokens_BL[row][at].item<std::int64_t>();
        ASSERT_TRUE(!ended || id == kEndId || given_BL[row][at].item<bool>()) << "content after an end";
        const bool first_end = id == kEndId && !ended && !given_BL[row][at].item<bool>();
        ASSERT_TRUE(!first_end || schema.coordinates_LA()[at][0].item<std::int32_t>() == 0) << "a frame cut in two";
        ended = ended || id == kEndId;
      }
    }
  }
}

TEST(Sampler, KeepsWhatIsGivenAndWritesOnlyLegalIds) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const RandomKey key = RandomKey::root(seed).fold("case");
    const CanvasSchema schema = random_schema(key.fold("schema"));
    const SamplerOptions options = random_options(key.fold("options"));
    const TokenCanvas start = random_canvas(schema, key.fold("canvas"), 3);
    const Sampler sampler(
        {std::make_shared<HashDenoiser>(schema.vocabulary().size()), schema, {}, c10::DeviceType::CPU, 4}, options);
    const SampleResult result = sampler.run(start, sample_keys(seed, 0, 3));
    SCOPED_TRACE(seed);
    expect_sound(schema, start, result.canvas);
    ASSERT_TRUE(at::equal(result.trace.replay(), result.canvas.tokens_BL));
  }
}

SamplerOptions steps_of(std::int64_t steps, UnmaskKind kind = UnmaskKind::kConfidence) {
  SamplerOptions options;
  options.steps = steps;
  options.unmask = kind;
  return options;
}

TEST(Sampler, GivesTheSameSampleAloneInABatchAndOnTwoThreads) {
  const DiffusionModel model = tiny_model();
  const TokenCanvas blank = blank_canvas(model.schema, 11);
  const auto keys = sample_keys(4, 0, 11);
  for (const UnmaskKind kind : {UnmaskKind::kConfidence, UnmaskKind::kAncestral}) {
    const Sampler sampler(model, steps_of(6, kind));
    const at::Tensor together_BL = sampler.run(blank, keys).canvas.tokens_BL;
    for (std::int64_t row = 0; row < 11; ++row) {
      const auto alone =
          sampler.run(blank.slice_rows(row, 1), std::span(keys).subspan(static_cast<std::size_t>(row), 1));
      EXPECT_TRUE(at::equal(alone.canvas.tokens_BL[0], together_BL[row])) << "row " << row;
      for (const TraceEvent& event : alone.trace.events) EXPECT_EQ(event.row, 0);
    }
    at::set_num_threads(2);
    EXPECT_TRUE(at::equal(sampler.run(blank, keys).canvas.tokens_BL, together_BL));
    at::set_num_threads(1);
  }
}

// The stronger promise: not only the ids but the recorded probabilities are the same bits.
TEST(Sampler, RecordsTheSameProbabilitiesAloneAndInABatch) {
  const DiffusionModel model = tiny_model();
  const TokenCanvas blank = blank_canvas(model.schema, 8);
  const auto keys = sample_keys(4, 0, 8);
  const Sampler sampler(model, steps_of(5));
  const Trace together = sampler.run(blank, keys).trace;
  for (std::int64_t row : {0, 3, 7}) {
    const auto alone = sampler.run(blank.slice_rows(row, 1), std::span(keys).subspan(static_cast<std::size_t>(row), 1));
    std::vector<TraceEvent> expected;
    for (TraceEvent event : together.events) {
      if (event.row != row) continue;
      event.row = 0;
      expected.push_back(event);
    }
    EXPECT_EQ(alone.trace.events, expected) << "row " << row;
  }
}

TEST(Sampler, SameKeySameSampleAndAnotherKeyAnother) {
  const DiffusionModel model = tiny_model();
  const TokenCanvas blank = blank_canvas(model.schema, 2);
  const Sampler sampler(model, steps_of(4));
  const auto keys = sample_keys(1, 0, 2);
  const std::vector<RandomKey> twice{keys[0], keys[0]};
  const at::Tensor same_BL = sampler.run(blank, twice).canvas.tokens_BL;
  EXPECT_TRUE(at::equal(same_BL[0], same_BL[1]));
  EXPECT_FALSE(at::equal(sampler.run(blank, keys).canvas.tokens_BL[1], same_BL[1]));
}

TEST(Confidence, LeavesWhatTheScheduleSays) {
  const CanvasSchema schema = tiny_schema().with_roles({"picture"});
  const Sampler sampler({tiny_transformer(tiny_schema()), tiny_schema(), {}}, steps_of(8));
  const SampleResult result = sampler.run(blank_canvas(schema, 2), sample_keys(0, 0, 2));
  for (std::int64_t done = 1; done <= 8; ++done) {
    const double share = std::cos(std::numbers::pi / 2 * static_cast<double>(done) / 8);
    const auto left = done == 8 ? 0 : static_cast<std::int64_t>(std::floor(16 * share + 1e-6));
    const at::Tensor masked_B = result.trace.replay(done).eq(kMaskId).sum(1);
    EXPECT_EQ(masked_B[0].item<std::int64_t>(), left) << done;
    EXPECT_EQ(masked_B[1].item<std::int64_t>(), left) << done;
  }
}

TEST(Confidence, WithoutNoiseWritesTheSurestFirst) {
  const CanvasSchema schema = small_schema();
  auto denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(8));
  SamplerOptions options = steps_of(2);
  options.temperature = 0;
  options.choice_noise = 0;
  const SampleResult result =
      Sampler({denoiser, schema, {}}, options).run(blank_canvas(schema, 1), sample_keys(0, 0, 1));
  const Filling blank(4, kMaskId);
  const auto surest = [&](std::int64_t position) {
    double best = 0;
    for (const auto& [id, p] : denoiser->conditional(blank, position)) best = std::max(best, p);
    return best;
  };
  std::set<std::int64_t> first;
  for (const TraceEvent& event : result.trace.events) {
    if (event.step == 0) first.insert(event.position);
  }
  EXPECT_EQ(first.size(), 2u);  // floor(2 cos(pi/4)) = 1 is left of each role
  EXPECT_TRUE(first.count(surest(0) >= surest(1) ? 0 : 1));
  EXPECT_TRUE(first.count(surest(2) >= surest(3) ? 2 : 3));
}

TEST(Guidance, OneIsNoneZeroIsUnconditionalAndTwoExtrapolates) {
  const CanvasSchema schema = small_schema();
  auto denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(8));
  const DiffusionModel model{denoiser, schema, {}};
  Document document;
  document.roles["word"] = {at::tensor({1, 2}, at::kLong), true, {}};
  const TokenCanvas canvas = build_canvas(schema, {document});
  const at::Tensor hide_BL = given_whole_BL(schema, canvas);
  EXPECT_TRUE(at::equal(hide_BL, canvas.frozen_BL));
  const NoisyCanvas noisy{canvas, at::zeros({1, 4}), canvas.frozen_BL.logical_not()};
  const at::Tensor rows_M = at::tensor({2, 3}, at::kLong);
  const at::Tensor c = guided_logits_MV(model, noisy, rows_M, hide_BL, 1.0);
  EXPECT_EQ(denoiser->calls, 1);
  const at::Tensor u = guided_logits_MV(model, noisy, rows_M, hide_BL, 0.0);
  const at::Tensor g = guided_logits_MV(model, noisy, rows_M, hide_BL, 2.0);
  EXPECT_TRUE(at::equal(c, logits_at(model, noisy, rows_M)));
  const Filling blank(4, kMaskId);
  for (const auto& [id, p] : denoiser->conditional(blank, 2)) {
    EXPECT_NEAR(u[0][id].item<float>(), std::log(p) + 1.5, 1e-5);
  }
  EXPECT_TRUE(at::allclose(g, u + 2 * (c - u), 1e-6, 1e-6));
  EXPECT_FALSE(at::allclose(c, u));
}

// Two rows whose given parts differ in length: the unconditional branch hides both whole, whatever their lengths.
TEST(Guidance, HidesGivenRolesOfAnyLengthButNotTheKnownPartOfAHole) {
  const CanvasSchema schema = tiny_schema();
  Document brief, full;
  brief.roles["caption"] = {at::tensor({1}, at::kLong), true, {}};
  full.roles["caption"] = {at::tensor({1, 2, 3, 4, 5}, at::kLong), true, {}};
  full.roles["picture"] = {at::zeros({16}, at::kLong), true, at::arange(16).lt(8)};
  const at::Tensor hide_BL = given_whole_BL(schema, build_canvas(schema, {brief, full}));
  EXPECT_TRUE(at::equal(hide_BL[0], hide_BL[1]));
  EXPECT_EQ(hide_BL.sum().item<std::int64_t>(), 10);
}

class Forger : public Policy {
 public:
  explicit Forger(Decision decision) : decision_(std::move(decision)) {}
  Decision decide(const StepView&) const override { return decision_; }

 private:
  Decision decision_;
};

std::string forging(Decision decision) {
  const CanvasSchema schema = small_schema();
  Document document;
  document.roles["word"] = {at::tensor({1, 2}, at::kLong), true, {}};
  const DiffusionModel model{std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(8)), schema, {}};
  const Sampler sampler(model, steps_of(1), std::make_unique<Forger>(std::move(decision)));
  try {
    sampler.run(build_canvas(schema, {document}), sample_keys(0, 0, 1));
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

TEST(Sampler, RefusesWhatAPolicyMayNotDo) {
  const std::int64_t legal = small_schema().vocabulary().range(1).begin;
  EXPECT_THAT(forging({{{0, kFirstModalityId, 0}}, {}}),
              testing::HasSubstr("nothing is to be written, at flat position 0"));
  EXPECT_THAT(forging({{{2, kFirstModalityId, 0}}, {}}), testing::HasSubstr("not legal at flat position 2"));
  EXPECT_THAT(forging({{{2, legal, 0}, {2, legal, 0}}, {}}), testing::HasSubstr("nothing is to be written"));
  EXPECT_THAT(forging({{}, {1}}), testing::HasSubstr("masked what is given, at flat position 1"));
  EXPECT_THAT(forging({{{99, legal, 0}}, {}}), testing::HasSubstr("nothing is to be written, at flat position 99"));
  EXPECT_EQ(forging({{{2, legal, 0}, {3, legal, 0}}, {}}), "");
}

TEST(Sampler, RefusesOptionsForARoleThatIsNotThere) {
  SamplerOptions options;
  options.roles["captoin"].temperature = 0.5;
  try {
    Sampler sampler(tiny_model(), options);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("did you mean 'caption'"));
  }
}

TEST(Trace, SurvivesJsonAndReplaysEveryStep) {
  const DiffusionModel model = tiny_model();
  const SampleResult result = Sampler(model, steps_of(5)).run(blank_canvas(model.schema, 3), sample_keys(2, 0, 3));
  const Trace again = trace_from_json(nlohmann::json::parse(trace_to_json(result.trace).dump()), "trace.json");
  EXPECT_EQ(again.events, result.trace.events);
  EXPECT_TRUE(at::equal(again.replay(), result.canvas.tokens_BL));
  EXPECT_TRUE(again.replay(0).eq(kMaskId).all().item<bool>());
  std::int64_t before = again.start_BL.numel();
  for (std::int64_t done = 1; done <= 5; ++done) {
    const auto left = again.replay(done).eq(kMaskId).sum().item<std::int64_t>();
    EXPECT_LE(left, before);
    before = left;
  }
  EXPECT_EQ(before, 0);
  EXPECT_THROW(trace_from_json(nlohmann::json::parse(R"({"steps": 1})"), "trace.json"), InputError);
  EXPECT_THROW(
      trace_from_json(nlohmann::json::parse(R"({"steps":1,"start":[[1]],"events":[[0,7,0,3,0.0,false]]})"), "t"),
      InputError);
}

}  // namespace
}  // namespace palimpsest::test
