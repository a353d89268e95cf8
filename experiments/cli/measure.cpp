#include "experiments/cli/measure.h"

#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <malloc.h>

#include <algorithm>
#include <limits>

#include "base/process_memory.h"

namespace palimpsest {

MemoryGauge::MemoryGauge() {
  ::malloc_trim(0);
  forget_highest_resident();
  before_ = resident_bytes();
}

std::int64_t MemoryGauge::bytes() const { return std::max<std::int64_t>(0, highest_resident_bytes() - before_); }

Spread spread_of(std::vector<double> figures) {
  TORCH_CHECK(!figures.empty(), "spread_of: no figures");
  std::sort(figures.begin(), figures.end());
  const std::size_t middle = figures.size() / 2;
  const double median = figures.size() % 2 == 1 ? figures[middle] : (figures[middle - 1] + figures[middle]) / 2;
  return {median, figures.front(), figures.back()};
}

std::string compute_name(c10::ScalarType dtype) { return dtype == c10::ScalarType::BFloat16 ? "bf16" : "fp32"; }

void finish(c10::Device device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

double product_flops(c10::ScalarType dtype, std::int64_t size, int rounds, c10::Device device) {
  const at::Tensor a = at::full({size, size}, 0.5, at::TensorOptions().dtype(dtype).device(device));
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < rounds; ++round) {
    finish(device);
    const Stopwatch watch;
    at::matmul(a, a);
    finish(device);
    best = std::min(best, watch.seconds());
  }
  const auto n = static_cast<double>(size);
  return 2.0 * n * n * n / best;
}

void add_spread(Facts& facts, const std::string& name, const std::vector<double>& figures) {
  if (figures.empty()) {
    facts[name] = nullptr;
    return;
  }
  const Spread spread = spread_of(figures);
  facts[name] = spread.median;
  facts[name + "_low"] = spread.low;
  facts[name + "_high"] = spread.high;
}

}  // namespace palimpsest
