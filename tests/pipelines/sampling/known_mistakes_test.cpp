// Edits, and the known mistakes of published loops: temperature that compounds, masks put back within the loop, a time
// a token where a time a sample was meant, guidance that mixes up prompts of unequal lengths.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/sampling/hash_denoiser.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

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
  const CanvasSchema schema = tabulated_schema();
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
  const CanvasSchema schema = tabulated_schema();
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

// Prompts of one, three and five ids in a batch: both branches of guidance read each row's own, as they do alone.
TEST(Sampler, GuidesPromptsOfUnequalLengthsAsItDoesAlone) {
  const DiffusionModel model = tiny_model();
  std::vector<Document> documents(3);
  for (std::size_t row = 0; row < documents.size(); ++row) {
    documents[row].roles["caption"] = {at::arange(1, 2 + 2 * static_cast<std::int64_t>(row), at::kLong), true, {}};
  }
  const TokenCanvas start = build_canvas(model.schema, documents);
  SamplerOptions guided = steps_of(4);
  guided.guidance = 4;
  const auto keys = sample_keys(6, 0, 3);
  const at::Tensor together_BL = Sampler(model, guided).run(start, keys).canvas.tokens_BL;
  for (std::int64_t row = 0; row < 3; ++row) {
    const auto own = std::span(keys).subspan(static_cast<std::size_t>(row), 1);
    const at::Tensor alone_BL = Sampler(model, guided).run(start.slice_rows(row, 1), own).canvas.tokens_BL;
    EXPECT_TRUE(at::equal(alone_BL[0], together_BL[row])) << row;
  }
  EXPECT_FALSE(at::equal(Sampler(model, steps_of(4)).run(start, keys).canvas.tokens_BL, together_BL));
}

}  // namespace
}  // namespace palimpsest::test
