// Over random schemas, policies and seeds, and by every policy: given ids stay, illegal ids never appear, a sample is
// the same alone, in a batch and on two threads, traces replay.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/sampling/hash_denoiser.h"
#include "tests/pipelines/tiny_tokenizers.h"
#include "tests/support/soak.h"

namespace palimpsest::test {
namespace {

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

template <class Enum>
Enum random_value(RandomKey key, std::uint64_t counter) {
  const auto names = enum_names(Enum{});
  return names[static_cast<std::size_t>(key.below(names.size(), counter))].first;
}

SamplerOptions random_options(RandomKey key) {
  SamplerOptions options;
  options.unmask = random_value<UnmaskKind>(key, 0);
  options.grid = random_value<TimeGridKind>(key, 1);
  options.steps = 1 + static_cast<std::int64_t>(key.below(9, 2));
  options.guidance = std::array{1.0, 0.0, 2.5}[key.below(3, 3)];
  options.temperature = std::array{1.0, 0.0, 3.0}[key.below(3, 4)];
  options.top_k = static_cast<std::int64_t>(key.below(3, 5));
  options.top_p = std::array{1.0, 0.6}[key.below(2, 6)];
  options.min_p = std::array{0.0, 0.3}[key.below(2, 7)];
  options.repetition_penalty = std::array{1.0, 1.7}[key.below(2, 8)];
  options.guiding.schedule = random_value<GuidanceSchedule>(key, 9);
  options.guiding.from = std::array{1.0, 0.7}[key.below(2, 10)];
  options.remask.kind = commits_every_step(options.unmask)
                            ? std::array{RemaskKind::kNone, RemaskKind::kEdit}[key.below(2, 11)]
                            : random_value<RemaskKind>(key, 11);
  options.remask.rate = 0.5;
  options.remask.edit_threshold = 0.3;
  options.threshold = std::array{0.0, 0.4, 1.0}[key.below(3, 12)];
  options.entropy_bound = std::array{0.0, 0.8}[key.below(2, 13)];
  options.joint.kind = random_value<JointKind>(key, 14);
  options.joint.block = static_cast<std::int64_t>(key.below(3, 15));
  options.roles["role0"].guidance = std::array{-1.0, 3.0}[key.below(2, 16)];
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

// Whatever the schema, the policies and the seed. Steps that do not fit the roles are refused before any work.
TEST(SamplerLaw, KeepsWhatIsGivenAndWritesOnlyLegalIdsInTenThousandCases) {
  std::uint64_t run = 0;
  for (std::uint64_t seed = 0; run < 10'000 * soak_factor(); ++seed) {
    const RandomKey key = RandomKey::root(seed).fold("case");
    const CanvasSchema schema = random_schema(key.fold("schema"));
    const SamplerOptions options = random_options(key.fold("options"));
    const TokenCanvas start = random_canvas(schema, key.fold("canvas"), 2);
    const Sampler sampler(
        {std::make_shared<HashDenoiser>(schema.vocabulary().size()), schema, {}, c10::DeviceType::CPU, 2}, options);
    try {
      sampler.check(start);
    } catch (const InputError& error) {
      ASSERT_THAT(error.what(), testing::HasSubstr("steps: must"));
      continue;
    }
    ++run;
    const SampleResult result = sampler.run(start, sample_keys(seed, 0, 2));
    SCOPED_TRACE(seed);
    expect_sound(schema, start, result.canvas);
    ASSERT_TRUE(at::equal(result.trace.replay(), result.canvas.tokens_BL));
    if (HasFatalFailure()) return;
  }
}

// Options that exercise every policy, beside guidance that changes over time.
std::vector<SamplerOptions> every_policy() {
  std::vector<SamplerOptions> all;
  for (const auto& [unmask, name] : enum_names(UnmaskKind{})) {
    SamplerOptions options = steps_of(5, unmask);
    options.guidance = 2;
    options.guiding.schedule = GuidanceSchedule::kLinear;
    options.threshold = 0.3;
    options.entropy_bound = 1;
    all.push_back(options);
  }
  for (const auto& [remask, name] : enum_names(RemaskKind{})) {
    if (remask == RemaskKind::kQuality) continue;  // needs a head
    for (const UnmaskKind unmask : {UnmaskKind::kConfidence, UnmaskKind::kAncestral}) {
      SamplerOptions options = steps_of(6, unmask);
      options.remask.kind = remask;
      options.remask.rate = 0.4;
      options.remask.edit_threshold = 0.2;
      all.push_back(options);
    }
  }
  SamplerOptions by_role = steps_of(6, UnmaskKind::kThreshold);
  by_role.roles["caption"].unmask = "ancestral";
  by_role.roles["picture"].unmask = "halton";
  all.push_back(by_role);
  for (const JointKind joint : {JointKind::kStaggered, JointKind::kSequential}) {
    SamplerOptions options = steps_of(9);
    options.joint.kind = joint;
    options.joint.block = 8;
    options.repetition_penalty = 1.5;
    options.min_p = 0.1;
    all.push_back(options);
  }
  return all;
}

// Captions given in some rows, pictures in others, both in some: what rows want differs.
TokenCanvas mixed_canvas(const CanvasSchema& schema, std::int64_t rows) {
  std::vector<Document> documents(static_cast<std::size_t>(rows));
  for (std::size_t row = 0; row < documents.size(); ++row) {
    if (row % 3 > 0) documents[row].roles["caption"] = {at::tensor({1, 5, 2}, at::kLong), true, {}};
    if (row % 4 == 1) documents[row].roles["picture"] = {at::arange(16, at::kLong).remainder(4), true, {}};
  }
  return build_canvas(schema, documents);
}

TEST(SamplerLaw, GivesTheSameSampleAloneInABatchAndOnTwoThreadsByEveryPolicy) {
  const DiffusionModel model = tiny_model();
  const TokenCanvas start = mixed_canvas(model.schema, 8);
  const auto keys = sample_keys(4, 0, 8);
  for (const SamplerOptions& options : every_policy()) {
    SCOPED_TRACE(to_text(to_toml(options)));
    const Sampler sampler(model, options);
    const SampleResult together = sampler.run(start, keys);
    EXPECT_TRUE(at::equal(together.trace.replay(), together.canvas.tokens_BL));
    for (const std::int64_t row : {0, 1, 5, 7}) {
      const auto alone =
          sampler.run(start.slice_rows(row, 1), std::span(keys).subspan(static_cast<std::size_t>(row), 1));
      EXPECT_TRUE(at::equal(alone.canvas.tokens_BL[0], together.canvas.tokens_BL[row])) << "row " << row;
      for (const TraceEvent& event : alone.trace.events) EXPECT_EQ(event.row, 0);
    }
    at::set_num_threads(2);
    EXPECT_TRUE(at::equal(sampler.run(start, keys).canvas.tokens_BL, together.canvas.tokens_BL));
    at::set_num_threads(1);
  }
}

// Captions given in every other row, pictures in the rest: one role is wanted in each.
TokenCanvas one_wanted_a_row(const CanvasSchema& schema) {
  std::vector<Document> documents(8);
  for (std::size_t row = 0; row < documents.size(); ++row) {
    if (row % 2 == 0) documents[row].roles["caption"] = {at::tensor({1, 5, 2}, at::kLong), true, {}};
    if (row % 2 == 1) documents[row].roles["picture"] = {at::arange(16, at::kLong).remainder(4), true, {}};
  }
  return build_canvas(schema, documents);
}

// Alone in its row a role is written as though its `unmask` were the sampler's.
TEST(Sampler, WritesEachRoleByItsOwnPolicy) {
  const DiffusionModel model = tiny_model();
  const TokenCanvas start = one_wanted_a_row(model.schema.with_roles({"caption", "picture"}));
  const auto keys = sample_keys(4, 0, 8);
  const auto written = [&](const SamplerOptions& options) {
    return Sampler(model, options).run(start, keys).canvas.tokens_BL;
  };
  SamplerOptions by_role = steps_of(5, UnmaskKind::kRandom);
  by_role.roles["caption"].unmask = "confidence";
  by_role.roles["picture"].unmask = "halton";
  const at::Tensor both_BL = written(by_role);
  const at::Tensor pictures_BL = written(steps_of(5, UnmaskKind::kHalton));
  const at::Tensor captions_BL = written(steps_of(5, UnmaskKind::kConfidence));
  for (std::int64_t row = 0; row < 8; ++row) {
    EXPECT_TRUE(at::equal(both_BL[row], (row % 2 == 0 ? pictures_BL : captions_BL)[row])) << "row " << row;
  }
  EXPECT_FALSE(at::equal(pictures_BL, captions_BL));
}

TEST(Sampler, RefusesAnUnknownPolicyOfARole) {
  SamplerOptions options;
  options.roles["caption"].unmask = "haltn";
  EXPECT_THAT([&] { options.validate(); },
              testing::ThrowsMessage<InputError>(testing::HasSubstr("roles.caption.unmask: ")));
  options.roles["caption"].unmask = "threshold";
  options.remask.kind = RemaskKind::kCap;
  EXPECT_THAT([&] { options.validate(); },
              testing::ThrowsMessage<InputError>(testing::HasSubstr("cannot be combined with unmask = threshold")));
}

}  // namespace
}  // namespace palimpsest::test
