// The head over legal ids alone beside its plain twin, the head over the whole vocabulary.
#include "pipelines/sampling/legal_head.h"

#include <gtest/gtest.h>

#include "backbone/diffusion/cross_entropy.h"
#include "base/parameters.h"
#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/sampling/hash_denoiser.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

TEST(LegalRows, PlacesAndIdsAreInverseAndAscend) {
  const Vocabulary vocabulary({{"text", {5}}, {"audio", {3, 2}}});
  for (std::int64_t index = 0; index < vocabulary.num_classes(); ++index) {
    const LegalClass& legal = vocabulary.legal_class(index);
    std::int64_t before = -1, places = 0;
    for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
      const bool may_stand = vocabulary.legal_CV()[index][id].item<bool>();
      const std::int64_t place = place_of(legal, id);
      EXPECT_EQ(place >= 0, may_stand) << index << ", id " << id;
      if (!may_stand) continue;
      EXPECT_EQ(place, ++before);
      EXPECT_EQ(id_at(legal, place), id);
      ++places;
    }
    EXPECT_EQ(num_ids(legal), places) << index;
  }
}

// Features that are drawn, and a matrix for a head; remembers what it was asked for.
class MatrixDenoiser : public Denoiser {
 public:
  MatrixDenoiser(std::int64_t positions, std::int64_t vocabulary, c10::ScalarType type)
      : features_ND_(normal_init(RandomKey::root(1), "features", {positions, kWidth}, 1.0).to(type)),
        head_VD_(normal_init(RandomKey::root(2), "head", {vocabulary, kWidth}, 0.5).to(type)) {}
  at::Tensor features_MD(const NoisyCanvas&, const at::Tensor& rows_M) override {
    return features_ND_.index_select(0, rows_M);
  }
  at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) override {
    const at::Tensor logits_MR = at::linear(features_MD, select_ranges(head_VD_, ranges, 0));
    most = std::max(most, logits_MR.numel());
    made += logits_MR.numel();
    return logits_MR;
  }
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return logits_MR(features_MD(noisy, rows_M), {IdRange{0, vocabulary_size()}});
  }
  std::int64_t vocabulary_size() const override { return head_VD_.size(0); }

  std::int64_t most = 0, made = 0;  // logits in one call, and in all

 private:
  static constexpr std::int64_t kWidth = 16;
  at::Tensor features_ND_, head_VD_;
};

// Three modalities, one of two sub-ranges; the first so large that its rows come in several products.
CanvasSchema mixed_schema(std::int64_t many_ids) {
  const Vocabulary vocabulary({{"text", {many_ids}}, {"image", {40}}, {"audio", {7, 9}}});
  return CanvasSchema(
      {{"caption", text_layout(60), true}, {"picture", grid_layout(3, 5), false}, {"sound", frame_layout(6, 2), true}},
      vocabulary);
}

const Restriction kNoRestriction = [](const at::Tensor&, const LegalClass&, at::Tensor&) {};

void expect_twin(const LegalRows& rows, const at::Tensor& log_prob_NV, double tolerance) {
  for (std::int64_t n = 0; n < rows.size(); ++n) {
    const at::Tensor plain_V = log_prob_NV[n];
    const std::span<const float> row = rows.row(n);
    ASSERT_EQ(static_cast<std::int64_t>(row.size()), plain_V.isfinite().sum().item<std::int64_t>());
    const at::Tensor own_R = at::from_blob(const_cast<float*>(row.data()), {static_cast<std::int64_t>(row.size())});
    const at::Tensor expected_R = select_ranges(plain_V, legal_ranges(rows.legal(n)), 0);
    ASSERT_TRUE(own_R.allclose(expected_R, tolerance, tolerance)) << "position " << n;
  }
  EXPECT_EQ(rows.size(), log_prob_NV.size(0));
}

TEST(LegalHead, IsTheTwinOverTheWholeVocabularyAFewRowsAtATime) {
  for (const c10::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const CanvasSchema schema = mixed_schema(120'000);
    const TokenCanvas canvas = blank_canvas(schema, 4);
    MatrixDenoiser denoiser(canvas.tokens_BL.numel(), schema.vocabulary().size(), type);
    const at::Tensor position_N = at::arange(canvas.tokens_BL.numel() - 1, -1, -2, at::kLong).flip(0);
    const LegalHead head(canvas, position_N, schema.vocabulary());
    const GuidedFeatures features{{denoiser.features_MD({}, head.rows_P())}, {}, 1, {}};
    at::Tensor space;
    const LegalRows rows = head.log_probs(denoiser, features, kNoRestriction, space);
    EXPECT_LE(denoiser.most, LegalHead::kLogitsAtOnce);
    const at::Tensor class_N = canvas.legal_class_BL.reshape({-1}).index_select(0, position_N);
    std::int64_t legal = 0;
    for (std::int64_t n = 0; n < rows.size(); ++n) legal += static_cast<std::int64_t>(rows.row(n).size());
    EXPECT_EQ(space.numel(), legal);
    EXPECT_LT(denoiser.made, legal + 2 * kRowQuantum * schema.vocabulary().size()) << "rows beyond whole quanta";
    expect_twin(rows, legal_log_softmax_MV(denoiser.logits_MV({}, position_N), class_N, schema.vocabulary()),
                type == at::kBFloat16 ? 0.05 : 1e-4);
  }
}

TEST(LegalHead, MixesBranchesAsTheTwinDoes) {
  const CanvasSchema schema = mixed_schema(50);
  Document document;
  document.roles["picture"] = {at::zeros({15}, at::kLong), true, {}};
  const TokenCanvas canvas = build_canvas(schema, {document, Document()});
  auto transformer = tiny_transformer(schema);
  const DiffusionModel model{transformer, schema, {}};
  const NoisyCanvas noisy{canvas, at::zeros(canvas.tokens_BL.sizes()), canvas.frozen_BL.logical_not()};
  const at::Tensor position_N = canvas.frozen_BL.reshape({-1}).logical_not().nonzero().view({-1});
  const at::Tensor class_N = canvas.legal_class_BL.reshape({-1}).index_select(0, position_N);
  for (const GuidanceSchedule schedule : {GuidanceSchedule::kConstant, GuidanceSchedule::kLinear}) {
    for (const double weight : {0.0, 1.0, 2.5}) {
      SamplerOptions options;
      options.guidance = weight;
      options.guiding.schedule = schedule;
      const Guidance guidance(schema, canvas, options, c10::DeviceType::CPU);
      const LegalHead head(canvas, position_N, schema.vocabulary());
      const auto times = [](const at::Tensor& rows) { return at::full({rows.numel()}, 0.25, at::kDouble); };
      at::Tensor space;
      const LegalRows rows = head.log_probs(
          *transformer, guidance.features_M(model, noisy, head.rows_P(), times(head.rows_P())), kNoRestriction, space);
      const at::Tensor logits_NV = guidance.logits_MV(model, noisy, position_N, times(position_N));
      expect_twin(rows, legal_log_softmax_MV(logits_NV, class_N, schema.vocabulary()), 1e-3);
    }
  }
}

// The same network, but its features are the logits of the whole vocabulary.
class WholeHead : public Denoiser {
 public:
  explicit WholeHead(std::shared_ptr<Denoiser> denoiser) : denoiser_(std::move(denoiser)) {}
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return denoiser_->logits_MV(noisy, rows_M);
  }
  std::int64_t vocabulary_size() const override { return denoiser_->vocabulary_size(); }

 private:
  std::shared_ptr<Denoiser> denoiser_;
};

std::vector<SamplerOptions> twin_policies() {
  std::vector<SamplerOptions> all;
  for (const auto& [unmask, name] : enum_names(UnmaskKind{})) {
    SamplerOptions options = steps_of(5, unmask);
    options.guidance = unmask == UnmaskKind::kMargin ? 1.0 : 1.5;
    options.threshold = 0.3;
    options.entropy_bound = 1;
    options.top_p = 0.9;
    options.repetition_penalty = 1.3;
    options.roles["picture"].forbid = {1};
    all.push_back(options);
  }
  SamplerOptions edits = steps_of(6);
  edits.remask.kind = RemaskKind::kEdit;
  edits.remask.edit_threshold = 0.2;
  edits.top_k = 3;
  all.push_back(edits);
  return all;
}

TEST(LegalHeadLaw, DrawsWhatTheWholeVocabularyDraws) {
  const DiffusionModel model = tiny_model();
  DiffusionModel whole = model;
  whole.denoiser = std::make_shared<WholeHead>(model.denoiser);
  std::vector<Document> documents(8);
  for (std::size_t row = 0; row < documents.size(); row += 2)
    documents[row].roles["caption"] = {at::tensor({1, 5, 2}, at::kLong), true, {}};
  const TokenCanvas start = build_canvas(model.schema, documents);
  for (const SamplerOptions& options : twin_policies()) {
    SCOPED_TRACE(to_text(to_toml(options)));
    const auto keys = sample_keys(3, 0, 8);
    const SampleResult own = Sampler(model, options).run(start, keys);
    const SampleResult twin = Sampler(whole, options).run(start, keys);
    EXPECT_TRUE(at::equal(own.canvas.tokens_BL, twin.canvas.tokens_BL));
    ASSERT_EQ(own.trace.events.size(), twin.trace.events.size());
    for (std::size_t i = 0; i < own.trace.events.size(); ++i) {
      EXPECT_EQ(own.trace.events[i].id, twin.trace.events[i].id);
      EXPECT_NEAR(own.trace.events[i].log_prob, twin.trace.events[i].log_prob, 1e-4);
    }
  }
}

}  // namespace
}  // namespace palimpsest::test
