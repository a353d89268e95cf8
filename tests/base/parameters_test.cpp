#include "base/parameters.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/machine.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

ParameterSet two_parameters() {
  ParameterSet set;
  set.add("weight", normal_init(RandomKey::root(1), "weight", {4, 3}, 0.5));
  set.add("bias", at::zeros({4}));
  return set;
}

TEST(Parameters, AreLeavesWithGradientsInOrderOfRegistration) {
  ParameterSet set = two_parameters();
  EXPECT_EQ(set.count(), 16);
  EXPECT_EQ(set.items()[0].first, "weight");
  EXPECT_EQ(set.items()[1].first, "bias");
  for (const auto& [name, tensor] : set.items()) EXPECT_TRUE(tensor.is_leaf() && tensor.requires_grad()) << name;
  const at::Tensor weight = set.items()[0].second;
  (weight * weight).sum().backward();
  EXPECT_TRUE(at::allclose(weight.grad(), 2 * weight.detach()));
  EXPECT_THROW(set.add("bias", at::zeros({1})), c10::Error);
}

TEST(Parameters, SomeKeepTheirRates) {
  ParameterSet set = two_parameters();
  set.set_rate("bias", 0.25);
  const ParameterSet one = set.some({"bias"});
  EXPECT_EQ(one.count(), 4);
  EXPECT_EQ(one.rate("bias"), 0.25);
  EXPECT_EQ(set.some({"weight"}).rate("weight"), 1.0);
}

TEST(Parameters, LoadCopiesIntoTheTensorsThatNetsHold) {
  ParameterSet set = two_parameters();
  const at::Tensor held = set.items()[1].second;
  set.load({{"weight", at::ones({4, 3})}, {"bias", at::full({4}, 2.0)}}, "w");
  EXPECT_TRUE(at::equal(held.detach(), at::full({4}, 2.0)));
  set.to(at::kCPU);
  EXPECT_TRUE(at::equal(set.values().at("weight"), at::ones({4, 3})));
  EXPECT_EQ(set.values(at::kBFloat16).at("weight").scalar_type(), at::kBFloat16);
  EXPECT_FALSE(set.values().at("weight").requires_grad());
  set.set_requires_grad(false);
  EXPECT_FALSE(held.requires_grad());
}

TEST(Parameters, LoadNamesWhatDoesNotFitAndChangesNothing) {
  ParameterSet set = two_parameters();
  const at::Tensor before = set.values().at("weight").clone();
  const auto rejection = [&](const std::map<std::string, at::Tensor>& values) {
    return message_of<InputError>([&] { set.load(values, "w.safetensors"); });
  };
  EXPECT_EQ(rejection({{"weight", at::ones({4, 3})}}), "w.safetensors: bias: the tensor is missing");
  EXPECT_EQ(rejection({{"weight", at::ones({4, 3})}, {"bias", at::ones({5})}}),
            "w.safetensors: bias: shape must be [4], got [5]");
  EXPECT_EQ(rejection({{"weight", at::ones({4, 3})}, {"bias", at::ones({4})}, {"bia", at::ones({4})}}),
            "w.safetensors: bia: unexpected tensor; did you mean 'bias'?");
  EXPECT_TRUE(at::equal(set.values().at("weight"), before));
}

TEST(Initialisation, DependsOnTheNameNotOnTheOrder) {
  const RandomKey key = RandomKey::root(2);
  EXPECT_TRUE(at::equal(normal_init(key, "a", {8}, 1.0), normal_init(key, "a", {8}, 1.0)));
  EXPECT_FALSE(at::equal(normal_init(key, "a", {8}, 1.0), normal_init(key, "b", {8}, 1.0)));
}

TEST(Initialisation, KaimingKeepsTheScaleOfItsInput) {
  const at::Tensor weight = kaiming_init(RandomKey::root(2), "w", {200, 16, 5, 5});
  const double bound = std::sqrt(3.0 / 400);
  EXPECT_LE(weight.abs().max().item<double>(), bound);
  EXPECT_GT(weight.abs().max().item<double>(), 0.999 * bound);
  // Variance gain / fan_in; its standard error at 80,000 draws is 0.3%.
  EXPECT_NEAR(weight.var().item<double>() * 400, 1.0, 0.015);
  EXPECT_THROW(kaiming_init(RandomKey::root(2), "w", {4}), c10::Error);
}

TEST(Machine, ResolvesWhatIsThereAndNamesWhatIsNot) {
  MachineOptions options;
  options.device = "cpu";
  options.dtype = ComputeType::kBf16;
  EXPECT_EQ(resolve_machine(options).dtype, at::kBFloat16);
  EXPECT_TRUE(resolve_machine(options).device.is_cpu());
  options.device = "cuda:9999";
  EXPECT_NE(message_of<InputError>([&] { resolve_machine(options); }).find("device: 'cuda:9999' is not there"),
            std::string::npos);
  options.device = "cuda:x";
  EXPECT_EQ(message_of<InputError>([&] { resolve_machine(options); }),
            "device: must be auto, cpu, cuda or cuda:N, got 'cuda:x'");
  options.device = "gpu";
  EXPECT_NE(message_of<InputError>([&] { resolve_machine(options); }).find("device: unknown device 'gpu'"),
            std::string::npos);
  options.threads = -1;
  EXPECT_EQ(message_of<InputError>([&] { resolve_machine(options); }), "threads: must be 0 or more, got -1");
}

TEST(Machine, KnowsItsPeakMemory) {
  const std::int64_t before = peak_memory_bytes();
  const at::Tensor held = at::ones({64 << 20}, at::kByte);
  EXPECT_GE(peak_memory_bytes(), before);
  EXPECT_GE(peak_memory_bytes(), 64 << 20);
}

}  // namespace
}  // namespace palimpsest
