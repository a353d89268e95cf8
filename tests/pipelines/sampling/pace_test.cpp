// How steps are shared: joint schedules of several roles, blocks, and steps that do not fit.
#include "pipelines/sampling/pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/tabulated.h"
#include "tests/pipelines/tiny_tokenizers.h"
#include "tests/support/message.h"

namespace palimpsest::test {
namespace {

SamplerOptions joint(JointKind kind, std::int64_t steps) {
  SamplerOptions options;
  options.joint.kind = kind;
  options.steps = steps;
  return options;
}

// First and last step in which each role was written.
std::map<std::string, std::pair<std::int64_t, std::int64_t>> seen_steps(const SamplerOptions& options) {
  const DiffusionModel model = tiny_model();
  const Trace trace = Sampler(model, options).run(blank_canvas(model.schema, 4), sample_keys(0, 0, 4)).trace;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> seen;
  for (const TraceEvent& event : trace.events) {
    const std::string& name = model.schema.role(model.schema.role_L()[event.position].item<std::int64_t>()).name;
    auto [known, fresh] = seen.try_emplace(name, event.step, event.step);
    known->second.first = std::min(known->second.first, event.step);
    known->second.second = std::max(known->second.second, event.step);
  }
  return seen;
}

TEST(Joint, TogetherAllRolesHaveAllSteps) {
  for (std::int64_t place = 0; place < 3; ++place) {
    EXPECT_EQ(role_steps(joint(JointKind::kTogether, 10), place, 3).begin, 0);
    EXPECT_EQ(role_steps(joint(JointKind::kTogether, 10), place, 3).end, 10);
  }
}

TEST(Joint, SequentialRolesFollowEachOther) {
  SamplerOptions options = joint(JointKind::kSequential, 9);
  options.joint.order = {"picture", "speech"};
  const auto seen = seen_steps(options);
  EXPECT_EQ(seen.at("picture").second, 2);
  EXPECT_GE(seen.at("speech").first, 3);
  EXPECT_LE(seen.at("speech").second, 5);
  EXPECT_GE(seen.at("caption").first, 6);
  for (std::int64_t place = 0; place < 3; ++place) EXPECT_EQ(role_steps(options, place, 3).size(), 3);
}

TEST(Joint, StaggeredRolesOverlap) {
  SamplerOptions options = joint(JointKind::kStaggered, 12);
  for (std::int64_t place = 0; place < 3; ++place) {
    EXPECT_EQ(role_steps(options, place, 3).begin, 3 * place);
    EXPECT_EQ(role_steps(options, place, 3).end, 3 * place + 6);
  }
  const auto seen = seen_steps(options);
  EXPECT_GE(seen.at("picture").first, 3);
  EXPECT_EQ(seen.at("picture").second, 8);
}

TEST(Joint, OfOneRoleEveryScheduleIsTogether) {
  for (const JointKind kind : {JointKind::kSequential, JointKind::kStaggered}) {
    EXPECT_EQ(role_steps(joint(kind, 7), 0, 1).size(), 7);
  }
}

// One role after another, one position a step: the joint distribution again, whatever the order of the roles.
TEST(Joint, TellsTheNetworkATimeARoleNotAToken) {
  const CanvasSchema schema = tiny_schema();
  const SamplerOptions options = joint(JointKind::kSequential, 6);
  const TokenCanvas canvas = blank_canvas(schema, 1);
  const auto keys = sample_keys(0, 0, 1);
  Pace pace(schema, {}, options, canvas, keys);
  const auto first = pace.at(canvas, 0), third = pace.at(canvas, 2);
  EXPECT_EQ(first[0].told_t, 1.0);
  EXPECT_EQ(first[1].told_t, 1.0) << "not begun: all mask";
  EXPECT_FALSE(first[1].active);
  EXPECT_EQ(third[0].told_t, 0.0) << "done";
  EXPECT_TRUE(third[1].active);
}

// Positions of the picture in the order of the steps that wrote them.
std::vector<std::int64_t> block_of_step(const SamplerOptions& options, std::int64_t block) {
  const CanvasSchema schema = tiny_schema().with_roles({"picture"});
  const Trace trace = Sampler({tiny_transformer(tiny_schema()), tiny_schema(), {}}, options)
                          .run(blank_canvas(schema, 1), sample_keys(0, 0, 1))
                          .trace;
  std::vector<std::int64_t> blocks;
  for (const TraceEvent& event : trace.events) blocks.push_back(event.position / block);
  return blocks;
}

TEST(Blocks, AreWrittenOneAfterAnother) {
  for (const std::int64_t block : {1, 3, 4, 8, 16}) {
    for (const UnmaskKind kind : {UnmaskKind::kConfidence, UnmaskKind::kAncestral, UnmaskKind::kHalton}) {
      SamplerOptions options;
      options.unmask = kind;
      options.steps = 16;
      options.joint.block = 100;
      options.roles["picture"].block = block;
      const auto blocks = block_of_step(options, block);
      EXPECT_EQ(blocks.size(), 16u);
      EXPECT_TRUE(std::is_sorted(blocks.begin(), blocks.end())) << block << " " << enum_name(kind);
    }
  }
}

// The network is told the share of the whole role that is masked.
TEST(Blocks, TellTheTimeOfTheWholeRole) {
  const CanvasSchema schema = tiny_schema().with_roles({"picture"});
  SamplerOptions options;
  options.grid = TimeGridKind::kUniform;
  options.steps = 8;
  options.joint.block = 4;
  TokenCanvas canvas = blank_canvas(schema, 1);
  const auto keys = sample_keys(0, 0, 1);
  Pace pace(schema, {}, options, canvas, keys);
  for (std::int64_t step = 0; step < 8; ++step) {
    const RoleStep now = pace.at(canvas, step)[1];
    EXPECT_NEAR(now.told_t, 1.0 - static_cast<double>(step) / 8, 1e-12) << step;
    EXPECT_EQ(now.begin, step / 2 * 4);
    EXPECT_EQ(now.end, step / 2 * 4 + 4);
    EXPECT_EQ(now.last(), step % 2 == 1);
  }
}

std::string refusal(const SamplerOptions& options, const TokenCanvas& start) {
  const Sampler sampler(tiny_model(), options);
  return message_of<InputError>([&] { sampler.run(start, sample_keys(0, 0, start.rows())); });
}

TEST(Pace, RefusesStepsThatDoNotFit) {
  const TokenCanvas blank = blank_canvas(tiny_schema(), 1);
  SamplerOptions options = joint(JointKind::kSequential, 2);
  EXPECT_THAT(refusal(options, blank), testing::HasSubstr("steps: must leave role 'caption' at least 1 steps"));
  options = joint(JointKind::kTogether, 3);
  options.roles["picture"].block = 4;
  EXPECT_EQ(refusal(options, blank), "steps: must leave role 'picture' at least 4 steps, one a block; of 3 it has 3");
  for (const UnmaskKind kind : {UnmaskKind::kFirstHitting, UnmaskKind::kThreshold, UnmaskKind::kEntropyBounded}) {
    options = joint(JointKind::kTogether, 16);
    options.unmask = kind;
    EXPECT_THAT(refusal(options, blank), testing::HasSubstr("writes at least one at every step; role 'caption' has 16 "
                                                            "steps for 5 positions"));
  }
  options.steps = 5;
  const Sampler sampler(tiny_model(), options);
  EXPECT_NO_THROW(sampler.check(blank));
}

TEST(Pace, RefusesAnOrderOfUnknownRoles) {
  SamplerOptions options = joint(JointKind::kSequential, 6);
  options.joint.order = {"pictrue"};
  EXPECT_THAT(message_of<InputError>([&] { Sampler(tiny_model(), options); }),
              testing::HasSubstr("did you mean 'picture'"));
}

// A batch in which rows finish at different steps: the slow rows go on as they would alone.
TEST(Pace, RowsThatAreDoneDoNotStopTheOthers) {
  const DiffusionModel model = tiny_model();
  Document nearly;
  nearly.roles["caption"] = {at::tensor({1, 2, 3}, at::kLong), true, {}};
  nearly.roles["speech"] = {at::tensor({0, 3}, at::kLong), true, {}};
  nearly.roles["picture"] = {at::zeros({16}, at::kLong), true, at::arange(16).lt(15)};
  const TokenCanvas start = build_canvas(model.schema, {nearly, Document()});
  SamplerOptions options;
  options.steps = 1;
  options.unmask = UnmaskKind::kThreshold;
  options.threshold = 0.999;
  options.steps = 1;
  const auto keys = sample_keys(0, 0, 2);
  EXPECT_FALSE(Sampler(model, options).run(start, keys).canvas.tokens_BL.eq(kMaskId).any().item<bool>());
  options.unmask = UnmaskKind::kConfidence;
  options.steps = 7;
  const Sampler sampler(model, options);
  const auto both = sampler.run(start, keys);
  const auto alone = sampler.run(start.slice_rows(1, 1), std::span(keys).subspan(1, 1));
  EXPECT_TRUE(at::equal(both.canvas.tokens_BL[1], alone.canvas.tokens_BL[0]));
}

}  // namespace
}  // namespace palimpsest::test
