// palimpsest bench kernels: each fused kernel, forward and backward, and the optimizer's step, beside the same by
// ATen's own operations.
//
// Shapes: N positions, D width, H heads, E head width, F hidden width, R ids, M masked positions.
#include <ATen/Parallel.h>

#include <functional>

#include "backbone/kernels/adamw.h"
#include "backbone/kernels/cross_entropy.h"
#include "backbone/kernels/rms_norm.h"
#include "backbone/kernels/rotary_attention.h"
#include "backbone/kernels/swiglu.h"
#include "backbone/transformer/transformer.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "base/machine.h"
#include "base/random.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/bench_preset.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

struct BenchKernelsOptions {
  std::string preset = "tiny";
  std::int64_t batch = 0;  // 0: the preset's
  std::int64_t repeats = 10, documents = 4;
  bool json = false;
  MachineOptions machine;

  BenchKernelsOptions() {
    machine.device = "cpu";
    machine.dtype = ComputeType::kBf16;
  }
  BenchPreset sizes() const {
    BenchPreset sizes = find_bench_preset(preset);
    if (batch > 0) sizes.batch = batch;
    return sizes;
  }
  void validate() const {
    if (batch < 0) throw InputError("command line", "--batch", "must not be negative");
    if (repeats < 1) throw InputError("command line", "--repeats", "must be at least 1");
    if (documents < 1) throw InputError("command line", "--documents", "must be at least 1");
  }
};

// A kernel and its plain twin over the same tensors.
struct TimedKernel {
  std::string name;
  std::function<void()> fused, plain;
  double flops = 0;  // of both passes, where they are products; else 0
};

// Forward and backward, with fresh gradients of the leaves.
std::function<void()> both_passes(const std::vector<at::Tensor>& leaves, const std::function<at::Tensor()>& run) {
  const at::Tensor grad = at::ones_like(run());
  return [=] {
    for (const at::Tensor& leaf : leaves) leaf.mutable_grad() = at::Tensor();
    run().backward(grad);
  };
}

// What kernels are fed with: numbers of the preset's shapes.
class KernelInputs {
 public:
  KernelInputs(const BenchPreset& preset, const Machine& machine, std::int64_t documents)
      : preset_(preset), type_(machine.dtype), device_(machine.device), documents_(documents) {}

  // Made one at a time: the tensors of one are there.
  std::vector<std::function<TimedKernel()>> all() const {
    return {[this] { return norm(); },       [this] { return gated(); },
            [this] { return attention(1); }, [this] { return attention(documents_); },
            [this] { return head(); },       [this] { return optimizer(); }};
  }

 private:
  std::int64_t positions() const { return preset_.batch * preset_.length; }
  at::Tensor drawn(const char* name, at::IntArrayRef sizes) const {
    return normal(RandomKey::root(0).fold(name), sizes).to(device_);
  }
  at::Tensor leaf(const char* name, at::IntArrayRef sizes, c10::ScalarType type) const {
    return drawn(name, sizes).to(type).requires_grad_(true);
  }

  TimedKernel norm() const {
    const std::int64_t N = positions(), D = preset_.width;
    const at::Tensor x = leaf("x", {N, D}, at::kFloat), delta = leaf("delta", {N, D}, type_),
                     weight = leaf("weight", {D}, at::kFloat);
    const c10::ScalarType type = type_;
    const std::vector<at::Tensor> leaves{x, delta, weight};
    return {"add_rms_norm", both_passes(leaves, [=] { return add_rms_norm(x, delta, weight, type).normed_ND; }),
            both_passes(leaves, [=] { return plain_rms_norm(x + delta, weight).to(type); })};
  }

  TimedKernel gated() const {
    const at::Tensor x = leaf("gate_up", {positions(), 2 * bench_transformer(preset_).hidden_width()}, type_);
    return {"swiglu", both_passes({x}, [=] { return swiglu(x); }), both_passes({x}, [=] { return plain_swiglu(x); })};
  }

  // So many documents of equal length in a row.
  TimedKernel attention(std::int64_t documents) const {
    const std::int64_t B = preset_.batch, L = preset_.length, H = preset_.heads, E = preset_.width / H;
    const at::Tensor projected = leaf("projected", {B, L, 3 * H * E}, type_), angle = drawn("angle", {B, L, E / 2});
    AttentionInputs inputs{H, H, leaf("q", {E}, at::kFloat), leaf("k", {E}, at::kFloat), {angle.cos(), angle.sin()},
                           {}};
    if (documents > 1) {
      const at::Tensor document_BL =
          at::arange(L, at::kLong).mul(documents).div(L, "floor").expand({B, L}).contiguous();
      inputs.sight = {at::ones({B, L}, at::kBool).to(device_), document_BL.to(device_)};
    }
    const std::vector<at::Tensor> leaves{projected, inputs.query_norm_E, inputs.key_norm_E};
    return {documents == 1 ? "rotary_attention" : "rotary_attention_" + std::to_string(documents) + "_documents",
            both_passes(leaves, [=] { return rotary_attention(projected, inputs); }),
            both_passes(leaves, [=] { return plain_rotary_attention(projected, inputs); }),
            12.0 * static_cast<double>(B * L * L * H * E) / static_cast<double>(documents)};
  }

  TimedKernel head() const {
    const std::int64_t M = positions() / 2, D = preset_.width, R = preset_.vocabulary;
    const at::Tensor features = leaf("features", {M, D}, type_), weight = leaf("head", {R, D}, at::kFloat),
                     targets = at::arange(M, at::kLong).remainder(R).to(device_);
    const std::vector<at::Tensor> leaves{features, weight};
    return {"linear_cross_entropy",
            both_passes(leaves, [=] { return linear_cross_entropy(features, weight, targets); }),
            both_passes(leaves, [=] { return plain_linear_cross_entropy(features, weight, targets); }),
            6.0 * static_cast<double>(M * D * R)};
  }

  // All parameters of the preset's net: gradients scaled, a step, the average moved.
  TimedKernel optimizer() const {
    Transformer net(bench_transformer(preset_), bench_schema(preset_), RandomKey::root(0));
    std::vector<AdamWTensors> parameters;
    for (const auto& [name, tensor] : net.parameters().items()) {
      const at::Tensor value = tensor.detach().to(device_);
      parameters.push_back({value, at::full_like(value, 1e-3), at::zeros_like(value), at::zeros_like(value),
                            at::zeros({}, value.options()), value.clone()});
    }
    AdamWRates rates;
    rates.weight_decay = 0.1;
    rates.gradient_scale = 0.999;  // little, as gradients are scaled again and again
    rates.average_share = 1e-3;
    return {"adamw_average", [=] { adamw_step(parameters, rates); }, [=] { plain_adamw_step(parameters, rates); }};
  }

  BenchPreset preset_;
  c10::ScalarType type_;
  c10::Device device_;
  std::int64_t documents_;
};

// Milliseconds by the median.
double milliseconds(const std::function<void()>& run, std::int64_t repeats, c10::Device device) {
  constexpr std::int64_t kWarmUp = 2;
  std::vector<double> laps;
  for (std::int64_t i = 0; i < kWarmUp + repeats; ++i) {
    stop_if_interrupted();
    finish(device);
    const Stopwatch watch;
    run();
    finish(device);
    if (i >= kWarmUp) laps.push_back(1e3 * watch.seconds());
  }
  return spread_of(laps).median;
}

Facts kernel_row(const TimedKernel& kernel, std::int64_t repeats, c10::Device device) {
  const double fused = milliseconds(kernel.fused, repeats, device), plain = milliseconds(kernel.plain, repeats, device);
  return {{"kernel", kernel.name},
          {"fused_ms", fused},
          {"plain_ms", plain},
          {"ratio", plain / fused},
          {"gflops", kernel.flops > 0 ? Facts(kernel.flops / fused / 1e6) : Facts()}};
}

void run_bench_kernels(const BenchKernelsOptions& options) {
  options.validate();
  const BenchPreset preset = options.sizes();
  catch_interrupts();
  const Machine machine = resolve_machine(options.machine);
  const double roof = product_flops(machine.dtype, roof_size(machine.device), 10, machine.device);
  Facts rows = Facts::array();
  const KernelInputs inputs(preset, machine, options.documents);
  for (const auto& make_kernel : inputs.all())
    rows.push_back(kernel_row(make_kernel(), options.repeats, machine.device));
  print_facts({{"preset", preset.name},
               {"batch", preset.batch},
               {"device", machine.device.str()},
               {"dtype", compute_name(machine.dtype)},
               {"threads", at::get_num_threads()},
               {"roof_gflops", roof / 1e9},
               {"kernels", rows}},
              options.json);
}

}  // namespace

void add_bench_kernels(CLI::App& bench) {
  auto options = std::make_shared<BenchKernelsOptions>();
  CLI::App* command = bench.add_subcommand("kernels", "each fused kernel beside its plain twin");
  command->footer("Example:\n  palimpsest bench kernels --preset small --documents 8 --json");
  command->add_option("--preset", options->preset, "sizes: tiny, small or base")->capture_default_str();
  command->add_option("--batch", options->batch, "rows, 0 for the preset's")->capture_default_str();
  command->add_option("--repeats", options->repeats, "timed rounds of each")->capture_default_str();
  command->add_option("--documents", options->documents, "documents of a packed row")->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on stdout");
  add_options(*command, options->machine);
  command->callback([options] { run_bench_kernels(*options); });
}

}  // namespace palimpsest
