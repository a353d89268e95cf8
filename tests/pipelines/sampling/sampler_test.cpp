// The loop: what a policy may do, what is recorded, and how the usual policies share out the steps.
#include "pipelines/sampling/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/errors.h"
#include "tests/pipelines/sampling/hash_denoiser.h"
#include "tests/pipelines/tiny_tokenizers.h"
#include "tests/support/message.h"

namespace palimpsest::test {
namespace {

// More rows than a call of the network takes.
TEST(Sampler, GivesTheSameSampleWhateverTheCall) {
  const DiffusionModel model = tiny_model();
  const TokenCanvas blank = blank_canvas(model.schema, 11);
  const auto keys = sample_keys(4, 0, 11);
  const Sampler sampler(model, steps_of(6));
  const at::Tensor together_BL = sampler.run(blank, keys).canvas.tokens_BL;
  for (const std::int64_t row : {0, 7, 8, 10}) {
    const auto alone = sampler.run(blank.slice_rows(row, 1), std::span(keys).subspan(static_cast<std::size_t>(row), 1));
    EXPECT_TRUE(at::equal(alone.canvas.tokens_BL[0], together_BL[row])) << "row " << row;
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
  const CanvasSchema schema = tabulated_schema();
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

class Forger : public Policy {
 public:
  explicit Forger(Decision decision) : decision_(std::move(decision)) {}
  Decision decide(const StepView&) const override { return decision_; }

 private:
  Decision decision_;
};

std::string forging(Decision decision) {
  const CanvasSchema schema = tabulated_schema();
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
  const std::int64_t legal = tabulated_schema().vocabulary().range(1).begin;
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

TEST(Sampler, RefusesAModelOfUniformNoise) {
  DiffusionModel model = tiny_model();
  model.diffusion.process.kind = ProcessKind::kUniform;
  EXPECT_THAT(message_of<InputError>([&] { Sampler(model, SamplerOptions{}); }),
              testing::HasSubstr("diffusion.process.kind: is uniform: samplers start from masks"));
}

TEST(Sampler, RefusesAPolicyWhoseHeadTheModelLacks) {
  SamplerOptions options;
  options.remask.kind = RemaskKind::kQuality;
  EXPECT_EQ(message_of<InputError>([&] { Sampler(tiny_model(), options); }),
            "remask: quality needs a head that judges written ids; the checkpoint has none");
}

TEST(Trace, OfARevisingPolicyReplaysFromJson) {
  const DiffusionModel model = tiny_model();
  SamplerOptions options = steps_of(6, UnmaskKind::kAncestral);
  options.remask.kind = RemaskKind::kCap;
  options.remask.rate = 0.5;
  const SampleResult result = Sampler(model, options).run(blank_canvas(model.schema, 3), sample_keys(2, 0, 3));
  const Trace again = trace_from_json(nlohmann::json::parse(trace_to_json(result.trace).dump()), "trace.json");
  EXPECT_EQ(again.events, result.trace.events);
  EXPECT_TRUE(at::equal(again.replay(), result.canvas.tokens_BL));
  EXPECT_TRUE(std::any_of(again.events.begin(), again.events.end(),
                          [](const TraceEvent& event) { return event.id == kMaskId; }));
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
