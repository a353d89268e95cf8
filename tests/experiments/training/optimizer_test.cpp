#include "experiments/training/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"
#include "experiments/training/freeze.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

constexpr double kTolerance = 1e-5;  // float32, values of order 1

// AdamW's formula (arXiv 1711.05101, algorithm 2), one scalar in double precision.
struct ScalarAdamW {
  double value, first = 0.0, second = 0.0;
  int steps = 0;
  void step(double gradient, double rate, const AdamWSettings& settings) {
    ++steps;
    first = settings.beta1 * first + (1 - settings.beta1) * gradient;
    second = settings.beta2 * second + (1 - settings.beta2) * gradient * gradient;
    const double first_hat = first / (1 - std::pow(settings.beta1, steps));
    const double second_hat = second / (1 - std::pow(settings.beta2, steps));
    value -= rate * settings.weight_decay * value;
    value -= rate * first_hat / (std::sqrt(second_hat) + settings.epsilon);
  }
};

TEST(AdamW, AgreesWithItsFormulaOverManySteps) {
  const AdamWSettings settings{0.8, 0.97, 1e-8, 0.3};
  const RandomKey key = RandomKey::root(1);
  at::Tensor tensor = normal(key, {13}).requires_grad_(true);
  std::vector<ScalarAdamW> expected;
  for (std::int64_t i = 0; i < 13; ++i) expected.push_back({tensor[i].item<double>()});
  AdamW adamw({{"a", tensor}}, settings);
  for (std::uint64_t step = 0; step < 20; ++step) {
    const double rate = 0.05 / static_cast<double>(step + 1);
    tensor.mutable_grad() = normal(key.fold(step), {13});
    adamw.step({rate});
    for (std::int64_t i = 0; i < 13; ++i) {
      ScalarAdamW& scalar = expected[static_cast<std::size_t>(i)];
      scalar.step(tensor.grad()[i].item<double>(), rate, settings);
      ASSERT_NEAR(tensor[i].item<double>(), scalar.value, kTolerance) << "step " << step << ", entry " << i;
    }
  }
}

TEST(AdamW, LeavesTensorsWithoutGradientAlone) {
  at::Tensor still = at::ones({3}).requires_grad_(true), moved = at::ones({3}).requires_grad_(true);
  AdamW adamw({{"still", still}, {"moved", moved}}, {});
  moved.mutable_grad() = at::ones({3});
  adamw.step({0.1});
  EXPECT_TRUE(at::equal(still, at::ones({3})));
  EXPECT_FALSE(at::equal(moved, at::ones({3})));
  EXPECT_EQ(adamw.state().at("adamw.steps.still").item<float>(), 0.0f);
}

class Orthogonalise : public testing::TestWithParam<std::pair<std::int64_t, std::int64_t>> {};

TEST_P(Orthogonalise, KeepsSingularVectorsAndBringsSingularValuesNearOne) {
  const auto [rows, columns] = GetParam();
  const at::Tensor matrix = normal(RandomKey::root(3), {1, rows, columns});
  const at::Tensor result = orthogonalise_NRC(matrix, at::kFloat)[0];
  ASSERT_EQ(result.sizes(), (std::vector<std::int64_t>{rows, columns}));
  const auto [u, s, v] = at::linalg_svd(matrix[0], /*full_matrices=*/false);
  const at::Tensor inside = u.t().matmul(result).matmul(v.t());  // diagonal when the singular vectors are kept
  const at::Tensor values = inside.diagonal();
  EXPECT_GT(values.min().item<float>(), 0.5f);
  EXPECT_LT(values.max().item<float>(), 1.3f);
  EXPECT_LT((inside - values.diag()).abs().max().item<float>(), 1e-3f);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Orthogonalise,
                         testing::Values(std::pair{8, 8}, std::pair{16, 5}, std::pair{5, 16}, std::pair{3, 40}));

// Whose singular values fall over as many powers of ten as said.
at::Tensor ill_conditioned(std::int64_t rows, std::int64_t columns, double powers) {
  const at::Tensor matrix = normal(RandomKey::root(5).fold("matrix"), {2, rows, columns}).to(at::kDouble);
  const auto [u, s, v] = at::linalg_svd(matrix, /*full_matrices=*/false);
  const at::Tensor fall = at::logspace(0, -powers, s.size(1), 10.0, at::TensorOptions().dtype(at::kDouble));
  return at::matmul(u * fall.unsqueeze(0).unsqueeze(0), v).to(at::kFloat);
}

TEST(Orthogonalise, TheShortWayOfWideMatricesIsThePlainOne) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{24, 64}, {192, 48}, {40, 61}}) {
    for (const double powers : {0.0, 3.0, 9.0}) {
      const at::Tensor matrix = ill_conditioned(rows, columns, powers);
      const at::Tensor plain = plain_orthogonalise_NRC(matrix, at::kDouble);
      const double error = (orthogonalise_NRC(matrix, at::kFloat) - plain).norm().item<double>();
      EXPECT_LT(error, 2e-3 * plain.norm().item<double>()) << rows << " x " << columns << ", " << powers;
    }
  }
  const at::Tensor square = ill_conditioned(32, 32, 3);
  EXPECT_TRUE(orthogonalise_NRC(square, at::kFloat).equal(plain_orthogonalise_NRC(square, at::kFloat)));
  const at::Tensor zero = at::zeros({1, 8, 32});
  EXPECT_TRUE(orthogonalise_NRC(zero, at::kFloat).equal(zero));
}

TEST(Orthogonalise, FollowsTheQuinticOnADiagonalMatrix) {
  at::Tensor value = at::full({1, 1, 1}, 5.0);
  double expected = 1.0;  // 5 divided by its own norm
  for (int round = 0; round < 5; ++round) {
    expected = 3.4445 * expected - 4.7750 * std::pow(expected, 3) + 2.0315 * std::pow(expected, 5);
  }
  EXPECT_NEAR(orthogonalise_NRC(value, at::kFloat).item<double>(), expected, kTolerance);
}

TEST(Muon, AppliesNesterovMomentumWithJordansScaleAndDecay) {
  const RandomKey key = RandomKey::root(5);
  at::Tensor weight = normal(key, {12, 3}).requires_grad_(true);
  at::Tensor expected = weight.detach().clone(), momentum = at::zeros({12, 3});
  Muon muon({{"w", weight}}, {0.9, 0.2, at::kFloat});
  for (std::uint64_t step = 0; step < 4; ++step) {
    const at::Tensor gradient = normal(key.fold(step), {12, 3});
    weight.mutable_grad() = gradient;
    muon.step({0.02});
    momentum = 0.9 * momentum + 0.1 * gradient;
    const at::Tensor ahead = 0.1 * gradient + 0.9 * momentum;
    expected = expected * (1 - 0.02 * 0.2) - 0.02 * 2.0 * orthogonalise_NRC(ahead.unsqueeze(0), at::kFloat)[0];
    ASSERT_LT((weight - expected).abs().max().item<float>(), kTolerance);
  }
}

TEST(Lion, AgreesWithItsFormula) {
  const RandomKey key = RandomKey::root(11);
  at::Tensor weight = normal(key, {9}).requires_grad_(true);
  at::Tensor expected = weight.detach().clone(), momentum = at::zeros({9});
  Lion lion({{"w", weight}}, {0.9, 0.97, 0.3});
  for (std::uint64_t step = 0; step < 6; ++step) {
    const at::Tensor gradient = normal(key.fold(step), {9});
    weight.mutable_grad() = gradient;
    lion.step({0.01});
    expected = expected - 0.01 * ((0.9 * momentum + 0.1 * gradient).sign() + 0.3 * expected);
    momentum = 0.97 * momentum + 0.03 * gradient;
    ASSERT_LT((weight - expected).abs().max().item<float>(), kTolerance) << step;
  }
  EXPECT_LT((lion.state().at("lion.momentum.w") - momentum).abs().max().item<float>(), kTolerance);
}

TEST(Optimizer, KeepsNoStateOfFrozenParametersAndLeavesThemAlone) {
  ParameterSet parameters;
  for (const char* name : {"body", "embed.weight"}) parameters.add(name, at::ones({2, 2}));
  freeze(parameters, {"embed"}, "r.toml");
  for (const OptimizerKind kind : {OptimizerKind::kAdamW, OptimizerKind::kMuon, OptimizerKind::kLion}) {
    TrainingOptions options;
    options.optimizer = kind;
    Optimizer optimizer(options, parameters, at::kFloat);
    for (const auto& [name, value] : optimizer.state()) EXPECT_EQ(name.find("embed"), std::string::npos) << name;
    parameters.items()[0].second.mutable_grad() = at::ones({2, 2});
    optimizer.step(1.0);
  }
  EXPECT_TRUE(parameters.items()[1].second.equal(at::ones({2, 2})));
  EXPECT_EQ(trainable_count(parameters), 4);
}

// A share of the learning rate scales the step of AdamW and Lion, not the decay.
TEST(Optimizer, AParameterMayTakeAShareOfTheLearningRate) {
  for (const OptimizerKind kind : {OptimizerKind::kAdamW, OptimizerKind::kLion}) {
    TrainingOptions options;
    options.optimizer = kind;
    options.learning_rate = 0.1;
    options.weight_decay = 0.5;
    ParameterSet parameters;
    for (const char* name : {"full", "half"}) parameters.add(name, at::ones({2, 2}));
    parameters.set_rate("half", 0.5);
    Optimizer optimizer(options, parameters, at::kFloat);
    for (const auto& [name, tensor] : parameters.items()) tensor.mutable_grad() = at::ones_like(tensor);
    optimizer.step(1.0);
    EXPECT_NEAR(parameters.items()[0].second[0][0].item<double>(), 1.0 - 0.05 - 0.1, kTolerance);
    EXPECT_NEAR(parameters.items()[1].second[0][0].item<double>(), 1.0 - 0.05 - 0.05, kTolerance);
  }
}

TEST(Freeze, PatternsMeanNamesAndWhatLiesUnderThem) {
  EXPECT_TRUE(name_matches("blocks.0.attention.qkv.weight", "blocks.0"));
  EXPECT_TRUE(name_matches("blocks.0.attention.qkv.weight", "blocks.*.qkv"));
  EXPECT_TRUE(name_matches("embed.weight", "*embed*"));
  EXPECT_FALSE(name_matches("blocks.01.norm", "blocks.0"));
  EXPECT_FALSE(name_matches("digit_embed.weight", "embed"));
  EXPECT_TRUE(name_matches("ab.ab", "*ab"));
}

TEST(Freeze, RefusesPatternsThatMeanNothingAndThoseThatMeanAll) {
  ParameterSet parameters;
  parameters.add("embed.weight", at::ones({2, 2}));
  EXPECT_EQ(message_of<InputError>([&] { freeze(parameters, {"embed.weigth"}, "r.toml"); }),
            "r.toml: training.freeze: 'embed.weigth' means no parameter; did you mean 'embed.weight'?");
  EXPECT_EQ(message_of<InputError>([&] { freeze(parameters, {"*"}, "r.toml"); }),
            "r.toml: training.freeze: leaves nothing to train");
}

TEST(Optimizer, SortsParametersByUse) {
  EXPECT_EQ(parameter_use("blocks.0.query", at::zeros({4, 4})), ParameterUse::kMatrix);
  EXPECT_EQ(parameter_use("embed", at::zeros({4, 4})), ParameterUse::kEmbedding);
  EXPECT_EQ(parameter_use("head", at::zeros({4, 4})), ParameterUse::kEmbedding);
  EXPECT_EQ(parameter_use("final_norm", at::zeros({4})), ParameterUse::kVector);
  EXPECT_EQ(parameter_use("encoder.0.weight", at::zeros({4, 4, 3, 3})), ParameterUse::kFilter);
}

TEST(Optimizer, DecaysOnlyHiddenMatrices) {
  TrainingOptions options;
  options.weight_decay = 0.5;
  options.learning_rate = 0.1;
  for (const OptimizerKind kind : {OptimizerKind::kAdamW, OptimizerKind::kMuon}) {
    options.optimizer = kind;
    ParameterSet parameters;
    for (const char* name : {"body", "embed"}) parameters.add(name, at::ones({2, 2}));
    parameters.add("bias", at::ones({2}));
    Optimizer optimizer(options, parameters, at::kFloat);
    for (const auto& [name, tensor] : parameters.items()) tensor.mutable_grad() = at::zeros_like(tensor);
    optimizer.step(1.0);
    const double rate = kind == OptimizerKind::kMuon ? options.muon_learning_rate : options.learning_rate;
    EXPECT_NEAR(parameters.items()[0].second[0][0].item<double>(), 1.0 - rate * 0.5, kTolerance);
    EXPECT_EQ(parameters.items()[1].second[0][0].item<double>(), 1.0);
    EXPECT_EQ(parameters.items()[2].second[0].item<double>(), 1.0);
  }
}

TEST(Optimizer, RefusesAStateThatIsNotItsOwn) {
  ParameterSet parameters;
  parameters.add("body", at::ones({2, 2}));
  Optimizer optimizer({}, parameters, at::kFloat);
  auto state = optimizer.state();
  state["adamw.first.other"] = at::zeros({2});
  try {
    optimizer.load_state(state, "optimizer.safetensors");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "optimizer.safetensors: adamw.first.other: is not a state of this optimizer");
  }
}

}  // namespace
}  // namespace palimpsest
