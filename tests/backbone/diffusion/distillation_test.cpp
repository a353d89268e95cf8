#include "backbone/diffusion/distillation.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "backbone/diffusion/diffusion.h"
#include "backbone/transformer/transformer.h"
#include "tests/backbone/fixtures.h"
#include "tests/support/tolerance.h"

namespace palimpsest {
namespace {

TransformerOptions narrow_net() {
  TransformerOptions options;
  options.width = 16;
  options.layers = 1;
  options.heads = options.key_value_heads = 2;
  return options;
}

struct Lesson {
  CanvasSchema schema = test::small_schema();
  Transformer student{narrow_net(), schema, RandomKey::root(1)};
  Transformer teacher{narrow_net(), schema, RandomKey::root(2)};
  TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 4, 3));
  NoisyCanvas noisy = corrupt(clean, schema, {}, RandomKey::root(4), test::indices(0, 4), 4);
  at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);

  at::Tensor terms_M(double temperature) {
    return distillation_terms_M(student, teacher, {clean, noisy, schema, rows_M}, temperature);
  }
};

// Position by position, over the ids that the vocabulary calls legal there.
TEST(Distillation, IsTheDivergenceOverLegalIds) {
  Lesson lesson;
  const double temperature = 1.7;
  const at::Tensor terms_M = lesson.terms_M(temperature);
  const at::NoGradGuard no_grad;
  const at::Tensor students_MV = lesson.student.logits_MV(lesson.noisy, lesson.rows_M).to(at::kDouble) / temperature;
  const at::Tensor teachers_MV = lesson.teacher.logits_MV(lesson.noisy, lesson.rows_M).to(at::kDouble) / temperature;
  const at::Tensor class_M = lesson.clean.legal_class_BL.flatten().index_select(0, lesson.rows_M);
  ASSERT_GT(terms_M.numel(), 10);
  for (std::int64_t m = 0; m < terms_M.numel(); ++m) {
    const at::Tensor legal_V = lesson.schema.vocabulary().legal_CV()[class_M[m].item<std::int64_t>()];
    const at::Tensor log_q = at::log_softmax(students_MV[m].masked_select(legal_V), 0);
    const at::Tensor log_p = at::log_softmax(teachers_MV[m].masked_select(legal_V), 0);
    const double expected = temperature * temperature * (log_p.exp() * (log_p - log_q)).sum().item<double>();
    EXPECT_NEAR(terms_M[m].item<double>(), expected, 1e-5 + 1e-4 * expected) << m;
  }
}

TEST(Distillation, OfItselfIsNothingAndHasNoGradient) {
  Lesson lesson;
  const at::Tensor terms_M = distillation_terms_M(lesson.student, lesson.student,
                                                  {lesson.clean, lesson.noisy, lesson.schema, lesson.rows_M}, 2.0);
  EXPECT_LT(terms_M.abs().max().item<double>(), 1e-5);
  terms_M.sum().backward();
  for (const auto& [name, tensor] : lesson.student.parameters().items()) {
    const bool moved = tensor.grad().defined() && tensor.grad().abs().max().item<double>() > 1e-4;
    EXPECT_FALSE(moved) << name;
  }
}

TEST(Distillation, FlowsToTheStudentAloneAlongTheSlope) {
  Lesson lesson;
  lesson.terms_M(1.0).sum().backward();
  for (const auto& [name, tensor] : lesson.teacher.parameters().items()) EXPECT_FALSE(tensor.grad().defined()) << name;
  const at::NoGradGuard no_grad;
  for (const auto& [name, parameter] : lesson.student.parameters().items()) {
    ASSERT_TRUE(parameter.grad().defined()) << name;
    const at::Tensor noise = normal(RandomKey::root(41).fold(name), parameter.sizes());
    const at::Tensor direction =
        (noise + parameter.grad() / (parameter.grad().norm() + 1e-12) * noise.norm()) / noise.norm();
    const double step = 2e-3;
    parameter.add_(direction, step);
    const double above = lesson.terms_M(1.0).sum().item<double>();
    parameter.sub_(direction, 2 * step);
    const double below = lesson.terms_M(1.0).sum().item<double>();
    parameter.add_(direction, step);
    const double slope = (parameter.grad() * direction).sum().item<double>();
    EXPECT_NEAR((above - below) / (2 * step), slope, 0.02 * std::abs(slope) + 0.02) << name;
  }
}

TEST(OnePassDenoiser, GivesTheSameTermsFromOnePass) {
  Lesson lesson;
  OnePassDenoiser once(lesson.student);
  const at::Tensor loss = diffusion_loss(once, lesson.clean, lesson.noisy, lesson.schema, {}).loss;
  EXPECT_TRUE(loss.equal(diffusion_loss(lesson.student, lesson.clean, lesson.noisy, lesson.schema, {}).loss));
  const at::Tensor terms_M =
      distillation_terms_M(once, lesson.teacher, {lesson.clean, lesson.noisy, lesson.schema, lesson.rows_M}, 1.0);
  EXPECT_TRUE(test::close(terms_M, lesson.terms_M(1.0), at::kFloat));
  EXPECT_TRUE(once.features_MD(lesson.noisy, lesson.rows_M).is_same(once.features_MD(lesson.noisy, lesson.rows_M)));
}

}  // namespace
}  // namespace palimpsest
