// The kernels of a GPU, their own source run on the CPU thread by thread, beside the plain twins.
#include <gtest/gtest.h>

#include <functional>

#include "backbone/kernels/device_operations.h"
#include "backbone/kernels/head_rotation.h"
#include "backbone/kernels/swiglu.h"
#include "base/random.h"
#include "tests/support/grid.h"
#include "tests/support/tolerance.h"

namespace palimpsest {
namespace {

// One place in the space of launches: full blocks, or fewer and smaller ones than a kernel asks for.
struct DeviceCase {
  c10::ScalarType type;
  std::int64_t rows, width;
  test::Grid grid;

  at::Tensor drawn(const char* name, at::IntArrayRef sizes) const {
    return normal(RandomKey::root(17).fold(name), sizes);
  }
  at::Tensor of_type(const char* name, at::IntArrayRef sizes) const { return drawn(name, sizes).to(type); }
  std::int64_t chunks() const { return device::chunks_of(rows); }
};

std::vector<DeviceCase> device_cases() {
  return {{at::kFloat, 1, 1, {}},           {at::kFloat, 3, 300, {}},         {at::kFloat, 70, 37, {64}},
          {at::kFloat, 70, 64, {64, 2}},    {at::kBFloat16, 33, 64, {64, 3}}, {at::kBFloat16, 2, 301, {}},
          {at::kBFloat16, 65, 30, {32, 1}}, {at::kFloat, 64, 33, {}}};
}

TEST(DeviceKernels, ChunksCoverTheRowsAndNoMore) {
  EXPECT_EQ(device::chunks_of(1), 1);
  EXPECT_EQ(device::chunks_of(device::kRowsAChunk), 1);
  EXPECT_EQ(device::chunks_of(device::kRowsAChunk + 1), 2);
  EXPECT_EQ(device::chunks_of(2 * device::kRowsAChunk), 2);
}

at::Tensor unwritten(at::IntArrayRef sizes, c10::ScalarType type) { return at::full(sizes, NAN, type); }

void expect_close(const at::Tensor& got, const at::Tensor& plain, const DeviceCase& where, const char* what) {
  const double size = plain.detach().abs().max().item<double>() + 1e-6;
  EXPECT_TRUE(test::close(got.to(at::kFloat) / size, plain.detach().to(at::kFloat) / size, where.type))
      << what << " of " << where.rows << " x " << where.width << " by " << where.grid.threads << " threads";
}

// With a sum before it (delta, and a gradient of the sum) and alone.
void expect_norm(const DeviceCase& where, bool with_delta) {
  const std::int64_t N = where.rows, D = where.width;
  const at::Tensor x = where.drawn("x", {N, D}).requires_grad_(true), weight = where.drawn("w", {D}),
                   delta = where.of_type("delta", {N, D}), grad = where.of_type("grad", {N, D}),
                   grad_sum = where.drawn("grad_sum", {N, D});
  weight.requires_grad_(true);
  const at::Tensor plain_sum = with_delta ? x + delta : x, plain = plain_rms_norm(plain_sum, weight);
  ((plain * grad).sum() + (with_delta ? (plain_sum * grad_sum).sum() : at::zeros({}))).backward();
  const auto if_with = [&](const at::Tensor& tensor) { return with_delta ? MaybeTensor(tensor) : std::nullopt; };
  const at::Tensor sum = unwritten({N, D}, at::kFloat), normed = unwritten({N, D}, where.type),
                   scale = unwritten({N}, at::kFloat), given = x.detach(), taken = weight.detach();
  device::norm_forward(where.grid, {given, if_with(delta), taken, if_with(sum), normed, scale});
  expect_close(normed, plain, where, "norm");
  if (with_delta) expect_close(sum, plain_sum, where, "sum");
  const at::Tensor grad_x = unwritten({N, D}, at::kFloat), grad_delta = unwritten({N, D}, where.type),
                   shares = unwritten({where.chunks(), D}, at::kFloat), &whole = with_delta ? sum : given;
  device::norm_backward(where.grid,
                        {whole, taken, scale, grad, if_with(grad_sum), grad_x, if_with(grad_delta), shares});
  expect_close(grad_x, x.grad(), where, "gradient of x");
  expect_close(shares.sum(0), weight.grad(), where, "gradient of the weight");
  if (with_delta) expect_close(grad_delta, x.grad(), where, "gradient of delta");
}

TEST(DeviceKernels, NormIsItsPlainTwin) {
  for (const DeviceCase& where : device_cases()) {
    expect_norm(where, false);
    expect_norm(where, true);
  }
}

TEST(DeviceKernels, SwigluIsItsPlainTwin) {
  for (const DeviceCase& where : device_cases()) {
    const at::Tensor gate_up = where.of_type("gate_up", {where.rows, 2 * where.width}),
                     grad = where.of_type("grad", {where.rows, where.width});
    const at::Tensor leaf = gate_up.to(at::kFloat).requires_grad_(true), plain = plain_swiglu(leaf);
    plain.backward(grad.to(at::kFloat));
    const at::Tensor out = unwritten(grad.sizes(), where.type), grad_in = unwritten(gate_up.sizes(), where.type);
    device::swiglu_forward(where.grid, gate_up, out);
    device::swiglu_backward(where.grid, gate_up, grad, grad_in);
    expect_close(out, plain, where, "result");
    expect_close(grad_in, leaf.grad(), where, "gradient");
  }
}

// Key heads in the middle of a projection of three heads, beside the CPU's loops, which rotary attention's twin holds.
void expect_rotation(const DeviceCase& where, bool normed) {
  const std::int64_t N = where.rows, H = 3, E = 2 * where.width, first = E;
  const at::Tensor projected = where.of_type("projected", {N, 5 * E}), angle = where.drawn("angle", {N, where.width}),
                   cos = angle.cos(), sin = angle.sin(), weight = normed ? where.drawn("w", {E}) : at::Tensor(),
                   grad = where.of_type("grad", {N, H, E});
  const HeadGroup group{first, H, E, projected, cos, sin, weight};
  const at::Tensor out = unwritten({N, H, E}, where.type), grad_projected = unwritten({N, 5 * E}, where.type),
                   plain_grad = unwritten({N, 5 * E}, where.type),
                   shares = normed ? unwritten({where.chunks(), E}, at::kFloat) : at::Tensor();
  device::rotate_forward(where.grid, {projected, first, cos, sin, if_defined(weight), out});
  expect_close(out, rotated_heads(group), where, "rotated");
  device::rotate_backward(where.grid,
                          {projected, first, cos, sin, if_defined(weight), grad, grad_projected, if_defined(shares)});
  const at::Tensor plain_weight = rotated_heads_backward(group, grad, plain_grad);
  const at::Tensor mine = grad_projected.slice(1, first, first + H * E);
  expect_close(mine, plain_grad.slice(1, first, first + H * E), where, "gradient of the heads");
  EXPECT_EQ(grad_projected.isnan().sum().item<std::int64_t>(), N * 2 * E);  // of the others nothing is written
  if (normed) expect_close(shares.sum(0), plain_weight, where, "gradient of the norm");
}

TEST(DeviceKernels, RotationIsThatOfTheLoops) {
  for (DeviceCase where : device_cases()) {
    where.width = std::min<std::int64_t>(where.width, 40);
    expect_rotation(where, false);
    expect_rotation(where, true);
  }
}

std::vector<AdamWTensors> device_parameters() {
  std::vector<AdamWTensors> parameters;
  for (std::int64_t i = 0; i < device::AdamW::kMost + 3; ++i) {
    const RandomKey key = RandomKey::root(static_cast<std::uint64_t>(i));
    const std::int64_t size = i == 5 ? 3'000 : i % 4 * 21;
    const at::Tensor second = normal(key.fold("second"), {size}).square();
    parameters.push_back({normal(key.fold("value"), {size}), normal(key.fold("gradient"), {size}),
                          normal(key.fold("first"), {size}), second, at::full({}, static_cast<float>(i)),
                          i % 3 == 0 ? at::Tensor() : normal(key.fold("average"), {size})});
  }
  return parameters;
}

TEST(DeviceKernels, AdamWIsItsPlainTwin) {
  AdamWRates rates{0.03, 0.8, 0.97, 1e-8, 0.3, /*gradient_scale=*/0.4, /*average_share=*/0.2};
  const std::vector<AdamWTensors> fused = device_parameters(), plain = device_parameters();
  plain_adamw_step(plain, rates);
  for (const AdamWTensors& parameter : fused) parameter.steps.add_(1);
  device::adamw(test::Grid{64, 7}, fused, rates);
  for (std::size_t i = 0; i < fused.size(); ++i) {
    EXPECT_TRUE(test::close(fused[i].value, plain[i].value, at::kFloat)) << i;
    EXPECT_TRUE(test::close(fused[i].first, plain[i].first, at::kFloat)) << i;
    EXPECT_TRUE(test::close(fused[i].second, plain[i].second, at::kFloat)) << i;
    if (!fused[i].average.defined()) continue;
    EXPECT_TRUE(test::close(fused[i].average, plain[i].average, at::kFloat)) << i;
  }
}

TEST(DeviceKernels, AveragesAloneHaveTheBitsOfThoseThatMoveAlong) {
  AdamWRates rates;
  rates.average_share = 0.7;
  const std::vector<AdamWTensors> along = device_parameters(), after = device_parameters();
  device::adamw(test::Grid{64}, along, rates);
  std::vector<AdamWTensors> moving, expected;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (!after[i].average.defined()) continue;
    moving.push_back({along[i].value, {}, {}, {}, {}, after[i].average});
    expected.push_back(along[i]);
  }
  device::adamw(test::Grid{32, 7}, moving, rates);
  for (std::size_t i = 0; i < moving.size(); ++i) EXPECT_TRUE(moving[i].average.equal(expected[i].average)) << i;
}

// A sum does not depend on how many blocks there are.
TEST(DeviceKernels, WeightGradientsHaveTheSameBitsWithAnyNumberOfBlocks) {
  const DeviceCase where{at::kFloat, 100, 40, {}};
  const at::Tensor x = where.drawn("x", {100, 40}), weight = where.drawn("w", {40}), scale = at::ones({100}),
                   grad = where.drawn("grad", {100, 40});
  std::vector<at::Tensor> shares;
  for (const std::int64_t blocks : {1, 3, 4}) {
    shares.push_back(unwritten({where.chunks(), 40}, at::kFloat));
    const at::Tensor grad_x = at::empty_like(x);
    device::norm_backward(test::Grid{64, blocks},
                          {x, weight, scale, grad, std::nullopt, grad_x, std::nullopt, shares.back()});
  }
  EXPECT_TRUE(shares[0].equal(shares[1]));
  EXPECT_TRUE(shares[0].equal(shares[2]));
}

// The kernels as they are launched: result and gradients on a GPU beside the plain twins' on the CPU.
void expect_on_gpu(const std::vector<at::Tensor>& given, c10::ScalarType type,
                   const std::function<at::Tensor(const std::vector<at::Tensor>&)>& fused,
                   const std::function<at::Tensor(const std::vector<at::Tensor>&)>& plain) {
  std::vector<at::Tensor> there, here;
  for (const at::Tensor& x : given) {
    there.push_back(x.to(at::kCUDA).requires_grad_(true));
    here.push_back(x.to(at::kFloat).requires_grad_(true));
  }
  const DeviceCase where{type, given[0].size(0), given[0].size(1), {}};
  const at::Tensor mine = fused(there), expected = plain(here);
  expect_close(mine.cpu(), expected, where, "result");
  const at::Tensor grad = where.drawn("grad", expected.sizes());
  mine.backward(grad.to(mine.options()));
  expected.backward(grad);
  for (std::size_t i = 0; i < given.size(); ++i) expect_close(there[i].grad().cpu(), here[i].grad(), where, "gradient");
}

TEST(DeviceKernels, AreTheirPlainTwinsOnAGpu_CUDA) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA library or no GPU";
  for (const c10::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const DeviceCase where{type, 1'000, 770, {}};
    const at::Tensor x = where.drawn("x", {1'000, 770}), weight = where.drawn("w", {770}),
                     delta = where.of_type("delta", {1'000, 770});
    expect_on_gpu(
        {x, weight}, type, [type](const auto& in) { return rms_norm(in[0], in[1], type); },
        [](const auto& in) { return plain_rms_norm(in[0], in[1]); });
    expect_on_gpu(
        {x, delta, weight}, type,
        [type](const auto& in) {
          const SumAndNorm both = add_rms_norm(in[0], in[1], in[2], type);
          return both.normed_ND + both.sum_ND.to(type);
        },
        [](const auto& in) { return plain_rms_norm(in[0] + in[1], in[2]) + in[0] + in[1]; });
    expect_on_gpu(
        {delta}, type, [](const auto& in) { return swiglu(in[0]); },
        [](const auto& in) { return plain_swiglu(in[0]); });
  }
}

TEST(DeviceKernels, AdamWIsItsPlainTwinOnAGpu_CUDA) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA library or no GPU";
  const AdamWRates rates{0.03, 0.8, 0.97, 1e-8, 0.3, /*gradient_scale=*/0.4, /*average_share=*/0.2};
  const std::vector<AdamWTensors> plain = device_parameters();
  std::vector<AdamWTensors> fused;
  const auto moved = [](const at::Tensor& x) { return x.defined() ? x.to(at::kCUDA) : x; };
  for (const AdamWTensors& one : device_parameters())
    fused.push_back({moved(one.value), moved(one.gradient), moved(one.first), moved(one.second), moved(one.steps),
                     moved(one.average)});
  plain_adamw_step(plain, rates);
  adamw_step(fused, rates);
  for (std::size_t i = 0; i < fused.size(); ++i) {
    EXPECT_TRUE(test::close(fused[i].value.cpu(), plain[i].value, at::kFloat)) << i;
    if (!fused[i].average.defined()) continue;
    EXPECT_TRUE(test::close(fused[i].average.cpu(), plain[i].average, at::kFloat)) << i;
  }
}

// The runner itself sees what goes wrong on a GPU.
struct PastItsMemory {
  std::int64_t blocks() const { return 1; }
  std::int64_t memory() const { return 4; }
  template <class Place>
  void operator()(const Place& here) const {
    here.memory()[4] = 0;
  }
};
struct PartingThreads {
  std::int64_t blocks() const { return 1; }
  std::int64_t memory() const { return 0; }
  template <class Place>
  void operator()(const Place& here) const {
    if (here.thread() > 0) here.barrier();
  }
};

TEST(Grid, SeesWritesPastABlocksMemoryAndThreadsThatPart) {
  EXPECT_THROW(test::Grid{32}(PastItsMemory{}), std::logic_error);
  EXPECT_THROW(test::Grid{64}(PartingThreads{}), std::logic_error);
}

}  // namespace
}  // namespace palimpsest
