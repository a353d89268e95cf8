#include "experiments/training/speed_gauge.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/progress.h"

namespace palimpsest {

namespace {

constexpr double kMemory = 0.95;  // of the mean: about the last twenty steps
constexpr std::int64_t kRoofSize = 640, kRoofSizeCuda = 4096;
constexpr int kRoofRounds = 3;
constexpr double kCounterSeconds = 30;  // energy counters begin anew after some minutes

c10::Device device_of(const ParameterSet& parameters) {
  return parameters.items().empty() ? c10::Device(c10::DeviceType::CPU) : parameters.items().front().second.device();
}

}  // namespace

double product_roof(c10::ScalarType dtype, c10::Device device) {
  const std::int64_t size = device.is_cuda() ? kRoofSizeCuda : kRoofSize;
  const at::Tensor a = at::ones({size, size}, at::TensorOptions().dtype(dtype).device(device));
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRoofRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    at::matmul(a, a)[0][0].item<double>();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2.0 * std::pow(static_cast<double>(size), 3) / best;
}

SpeedGauge::SpeedGauge(TrainingTask& task, c10::ScalarType compute, std::int64_t processes, EnergyMeter energy)
    : units_(task.units_a_step()),
      flops_(task.flops_a_step() / static_cast<double>(processes)),
      compute_(compute),
      device_(device_of(task.parameters())),
      last_(Clock::now()),
      energy_(std::move(energy)) {}

void SpeedGauge::step_done() {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  seconds_unread_ += seconds;
  if (seconds_unread_ > kCounterSeconds) {
    energy_.joules();
    seconds_unread_ = 0;
  }
  if (++steps_ <= 2) {  // the first one sets things up
    seconds_a_step_ = seconds;
  } else {
    seconds_a_step_ = kMemory * seconds_a_step_ + (1 - kMemory) * seconds;
  }
}

std::map<std::string, double> SpeedGauge::figures() {
  std::map<std::string, double> figures;
  if (steps_ < 2 || seconds_a_step_ <= 0) return figures;
  for (const auto& [unit, count] : units_) figures[unit] = count / seconds_a_step_;
  if (flops_ > 0) {
    if (roof_ == 0) roof_ = product_roof(compute_, device_);
    figures["mfu"] = flops_ / seconds_a_step_ / roof_;
  }
  return figures;
}

std::string SpeedGauge::note() {
  const std::map<std::string, double> all = figures();
  std::string note;
  for (const auto& [name, value] : all) {
    if (name == "mfu" || (name == "samples" && all.contains("tokens"))) continue;
    note += "  " + human_count(value) + " " + name + "/s";
  }
  if (const auto mfu = all.find("mfu"); mfu != all.end()) {
    note += "  MFU " + std::to_string(std::lround(100 * mfu->second)) + "%";
  }
  return note;
}

}  // namespace palimpsest
