// What holds for every policy: given ids stay, illegal ids never appear, alone equals in a batch, traces replay.
#include "pipelines/sampling/sampler.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backbone/quality.h"
#include "base/errors.h"
#include "tests/pipelines/tabulated.h"
#include "tests/pipelines/tiny_tokenizers.h"
#include "tests/support/message.h"
#include "tests/support/soak.h"

namespace palimpsest::test {
namespace {

// Logits that are a pure function of what the row shows and of the position: every schema has one.
class HashDenoiser : public Denoiser, public QualityHead {
 public:
  explicit HashDenoiser(std::int64_t vocabulary_size) : vocabulary_size_(vocabulary_size) {}
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    at::Tensor logits_MV = at::zeros({rows_M.numel(), vocabulary_size_}, at::kFloat);
    const at::Tensor tokens_BL = noisy.canvas.tokens_BL.contiguous();
    const std::int64_t* tokens = tokens_BL.const_data_ptr<std::int64_t>();
    const std::int64_t* rows = rows_M.const_data_ptr<std::int64_t>();
    float* logits = logits_MV.mutable_data_ptr<float>();
    const std::int64_t length = noisy.canvas.length();
    for (std::int64_t m = 0; m < rows_M.numel() && (m == 0 || rows[m] != rows[0]); ++m) {  // then padding
      RandomKey key = RandomKey::root(9).fold(static_cast<std::uint64_t>(rows[m] % length));
      for (std::int64_t l = 0; l < length; ++l) {
        key = key.fold(static_cast<std::uint64_t>(tokens[rows[m] / length * length + l]));
      }
      for (std::int64_t v = 0; v < vocabulary_size_; ++v) {
        logits[m * vocabulary_size_ + v] = static_cast<float>(8 * key.uniform(static_cast<std::uint64_t>(v)));
      }
    }
    return logits_MV;
  }
  at::Tensor quality_M(const NoisyCanvas&, const at::Tensor& rows_M) override {
    return rows_M.remainder(3).to(at::kFloat) / 3;
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

SamplerOptions steps_of(std::int64_t steps, UnmaskKind kind = UnmaskKind::kConfidence) {
  SamplerOptions options;
  options.steps = steps;
  options.unmask = kind;
  return options;
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

TEST(Sampler, RefusesAPolicyWhoseHeadTheModelLacks) {
  SamplerOptions options;
  options.remask.kind = RemaskKind::kQuality;
  EXPECT_EQ(message_of<InputError>([&] { Sampler(tiny_model(), options); }),
            "remask: quality needs a head that judges written ids; the checkpoint has none");
}

// The greatest probability is written again where the model, seeing an id, would have another: here always.
class Editor : public HashDenoiser {
 public:
  using HashDenoiser::HashDenoiser;
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    const at::Tensor id_M = noisy.canvas.tokens_BL.reshape({-1}).index_select(0, rows_M);
    const at::Tensor next_M = at::where(id_M.eq(kMaskId), id_M * 0 + kFirstModalityId, id_M + 1);
    return at::zeros({rows_M.numel(), vocabulary_size()}).scatter(1, next_M.unsqueeze(1), 9.0);
  }
};

TEST(Edit, ReplacesWhatTheModelWouldNotHaveWritten) {
  const CanvasSchema schema({{"line", text_layout(3), false}}, Vocabulary({code_space("text", 8)}));
  SamplerOptions options = steps_of(4);
  options.unmask = UnmaskKind::kHalton;
  options.temperature = 0;
  options.remask.kind = RemaskKind::kEdit;
  const DiffusionModel model{std::make_shared<Editor>(schema.vocabulary().size()), schema, {}};
  const auto written = [&](double threshold) {
    options.remask.edit_threshold = threshold;
    const SampleResult result = Sampler(model, options).run(blank_canvas(schema, 1), sample_keys(0, 0, 1));
    EXPECT_TRUE(at::equal(result.trace.replay(), result.canvas.tokens_BL));
    return row_of(result.canvas.tokens_BL, 0);
  };
  const Filling unedited(3, kFirstModalityId);
  EXPECT_EQ(written(1.0), unedited);
  const Filling edited = written(0.9);  // each once a step after the one that wrote it
  EXPECT_GT(*std::max_element(edited.begin(), edited.end()), kFirstModalityId + 1);
  EXPECT_EQ(*std::min_element(edited.begin(), edited.end()), kFirstModalityId);
}

// A model that sees the truth sees nothing to edit: with the exact denoiser the law is that of no remasking.
TEST(EditLaw, OfTheExactDenoiserChangesNothing) {
  const CanvasSchema schema = small_schema();
  SamplerOptions options = steps_of(4, UnmaskKind::kAncestral);
  const auto run = [&](RemaskKind kind) {
    options.remask.kind = kind;
    options.remask.edit_threshold = 0;
    const DiffusionModel model{std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(8)), schema, {}};
    return Sampler(model, options).run(blank_canvas(schema, 32), sample_keys(0, 0, 32)).canvas.tokens_BL;
  };
  EXPECT_TRUE(at::equal(run(RemaskKind::kEdit), run(RemaskKind::kNone)));
}

// Temperature acts on the draw alone: the recorded probability is the model's own at every step, and what was drawn is
// never drawn again (LLaDA-like loops that tempered what they carried over compounded it).
TEST(Sampler, TemperatureDoesNotCompoundOverSteps) {
  const CanvasSchema schema = small_schema();
  auto denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(8));
  SamplerOptions options = steps_of(4, UnmaskKind::kAncestral);
  options.temperature = 2.5;
  const Trace trace = Sampler({denoiser, schema, {}}, options).run(blank_canvas(schema, 8), sample_keys(0, 0, 8)).trace;
  for (const TraceEvent& event : trace.events) {
    const Filling before = row_of(trace.replay(event.step), event.row);
    EXPECT_NEAR(std::exp(event.log_prob), denoiser->conditional(before, event.position).at(event.id), 1e-5);
  }
}

// Without remasking a position is written once, and masks only ever leave.
TEST(Sampler, DoesNotMaskAgainWithinTheLoop) {
  const DiffusionModel model = tiny_model();
  for (const auto& [unmask, name] : enum_names(UnmaskKind{})) {
    const Trace trace =
        Sampler(model, steps_of(5, unmask)).run(blank_canvas(model.schema, 2), sample_keys(2, 0, 2)).trace;
    std::set<std::pair<std::int64_t, std::int64_t>> written;
    for (const TraceEvent& event : trace.events) {
      EXPECT_NE(event.id, kMaskId) << name;
      EXPECT_TRUE(event.implied || written.insert({event.row, event.position}).second) << name;
    }
  }
}

// What the network is told: one time for all masks of a role, 0 where it is given.
class TimeReader : public HashDenoiser {
 public:
  using HashDenoiser::HashDenoiser;
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    seen.push_back(noisy.t_BL.clone());
    return HashDenoiser::logits_MV(noisy, rows_M);
  }
  std::vector<at::Tensor> seen;
};

TEST(Sampler, TellsOneTimeASampleAndRoleNotOneAToken) {
  const CanvasSchema schema = tiny_schema();
  auto reader = std::make_shared<TimeReader>(schema.vocabulary().size());
  SamplerOptions options = steps_of(4, UnmaskKind::kAncestral);
  options.grid = TimeGridKind::kUniform;
  Document document;
  document.roles["caption"] = {at::tensor({1, 2}, at::kLong), true, {}};
  Sampler({reader, schema, {}, c10::DeviceType::CPU, 1}, options)
      .run(build_canvas(schema, {document}), sample_keys(0, 0, 1));
  ASSERT_EQ(reader->seen.size(), 4u);
  for (std::size_t step = 0; step < 4; ++step) {
    const at::Tensor t_L = reader->seen[step][0];
    EXPECT_TRUE(t_L.narrow(0, 0, 5).eq(0).all().item<bool>()) << "given";
    EXPECT_TRUE(t_L.narrow(0, 5, 22).eq(1.0 - 0.25 * static_cast<double>(step)).all().item<bool>()) << step;
  }
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
