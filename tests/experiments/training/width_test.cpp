// Widths under muP (arXiv 2203.03466): the coordinate check, and that the best learning rate stays where it is.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "backbone/diffusion/diffusion.h"
#include "backbone/transformer/transformer.h"
#include "experiments/training/average.h"
#include "experiments/training/optimizer.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

constexpr std::int64_t kBaseWidth = 32, kHeadWidth = 16;

// A net of some width and the batch it is trained on.
class WidthTrial {
 public:
  WidthTrial(Parametrization parametrization, std::int64_t width, double learning_rate)
      : net_(options_of(parametrization, width), schema_, RandomKey::root(1)) {
    TrainingOptions training;
    training.learning_rate = learning_rate;
    optimizer_ = std::make_unique<Optimizer>(training, net_.parameters(), at::kFloat);
  }

  double train(std::int64_t steps) {
    double last = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      const at::Tensor loss = diffusion_loss(net_, clean_, noisy_, schema_, {}).loss;
      loss.backward();
      optimizer_->step(1.0);
      clear_gradients(net_.parameters());
      last = loss.item<double>();
    }
    return last;
  }

  at::Tensor logits() {
    const at::NoGradGuard no_grad;
    return net_.logits_BLV(noisy_);
  }

 private:
  static TransformerOptions options_of(Parametrization parametrization, std::int64_t width) {
    TransformerOptions options;
    options.width = width;
    options.layers = 2;
    options.heads = options.key_value_heads = width / kHeadWidth;
    options.hidden = 2 * width;
    options.parametrization = parametrization;
    options.base_width = kBaseWidth;
    return options;
  }

  CanvasSchema schema_ = test::small_schema();
  Transformer net_;
  TokenCanvas clean_ = build_canvas(schema_, test::random_documents(schema_, 8, 3));
  NoisyCanvas noisy_ = corrupt(clean_, schema_, {}, RandomKey::root(4), test::indices(0, 8), 8);
  std::unique_ptr<Optimizer> optimizer_;
};

// Root mean square of what four steps do to the logits.
double logit_movement(Parametrization parametrization, std::int64_t width) {
  WidthTrial trial(parametrization, width, 0.01);
  const at::Tensor before = trial.logits();
  trial.train(4);
  return (trial.logits() - before).square().mean().sqrt().item<double>();
}

TEST(Widths, UnderMupStepsMoveTheLogitsAlikeAtEveryWidth) {
  const double narrow = logit_movement(Parametrization::kMup, kBaseWidth);
  for (const std::int64_t width : {2 * kBaseWidth, 8 * kBaseWidth}) {
    const double ratio = logit_movement(Parametrization::kMup, width) / narrow;
    EXPECT_GT(ratio, 0.6) << width;
    EXPECT_LT(ratio, 1.6) << width;
  }
  const double standard = logit_movement(Parametrization::kStandard, 8 * kBaseWidth) /
                          logit_movement(Parametrization::kStandard, kBaseWidth);
  EXPECT_GT(standard, 2.5);  // what the rule is there to prevent
}

TEST(Widths, TheBaseWidthIsTheStandardNet) {
  WidthTrial mup(Parametrization::kMup, kBaseWidth, 0.01), standard(Parametrization::kStandard, kBaseWidth, 0.01);
  EXPECT_EQ(mup.train(3), standard.train(3));
  EXPECT_TRUE(mup.logits().equal(standard.logits()));
}

// Which of the rates 2^-9 .. 2^-6 ends lowest after some steps.
int best_rate(Parametrization parametrization, std::int64_t width) {
  int best = 0;
  double lowest = 1e30;
  for (int power = -9; power <= -6; ++power) {
    const double loss = WidthTrial(parametrization, width, std::exp2(power)).train(24);
    if (loss < lowest) lowest = loss, best = power;
  }
  return best;
}

TEST(Widths, UnderMupTheBestLearningRateStays) {
  const int narrow = best_rate(Parametrization::kMup, kBaseWidth);
  EXPECT_LE(std::abs(best_rate(Parametrization::kMup, 4 * kBaseWidth) - narrow), 1);
  EXPECT_LE(best_rate(Parametrization::kStandard, 4 * kBaseWidth), narrow - 1);
}

}  // namespace
}  // namespace palimpsest
