#include "experiments/evaluation/stats.h"

#include <cmath>
#include <numeric>

namespace palimpsest {

namespace {

constexpr double kNormalQuantile = 1.959963984540054;  // of 0.975: two-sided 95%
constexpr double kPeak = 255.0;

std::u32string code_points(std::string_view utf8) {
  std::u32string points;
  for (const char byte : utf8) {
    const auto unit = static_cast<unsigned char>(byte);
    const bool continues = (unit & 0xC0u) == 0x80u;
    if (continues && !points.empty()) {
      points.back() = (points.back() << 6) | (unit & 0x3Fu);
    } else {
      points.push_back(unit);  // the lead byte's marker bits stay: equal characters still give equal numbers
    }
  }
  return points;
}

}  // namespace

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  TORCH_CHECK(trials > 0 && successes >= 0 && successes <= trials,
              "wilson_interval: needs 0 <= successes <= trials, got ", successes, " of ", trials);
  const double n = static_cast<double>(trials), rate = static_cast<double>(successes) / n;
  const double square = kNormalQuantile * kNormalQuantile, scale = 1.0 + square / n;
  const double centre = (rate + square / (2 * n)) / scale;
  const double half = kNormalQuantile * std::sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / scale;
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

double rate_of(const std::vector<bool>& hits) {
  return static_cast<double>(std::count(hits.begin(), hits.end(), true)) / static_cast<double>(hits.size());
}

double mean(const std::vector<double>& values) {
  TORCH_CHECK(!values.empty(), "mean: no values");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval bootstrap_mean_interval(const std::vector<double>& values, RandomKey key) {
  TORCH_CHECK(!values.empty(), "bootstrap_mean_interval: no values");
  const std::uint64_t count = values.size();
  std::vector<double> means(kBootstrapDraws);
  for (std::uint64_t draw = 0; draw < means.size(); ++draw) {
    double sum = 0;
    for (std::uint64_t i = 0; i < count; ++i) sum += values[key.below(count, draw * count + i)];
    means[draw] = sum / static_cast<double>(count);
  }
  std::sort(means.begin(), means.end());
  const auto at_quantile = [&](double quantile) {
    return means[static_cast<std::size_t>(quantile * static_cast<double>(means.size() - 1))];
  };
  return {at_quantile(0.025), at_quantile(0.975)};
}

std::int64_t edit_distance(std::string_view left, std::string_view right) {
  const std::u32string a = code_points(left), b = code_points(right);
  std::vector<std::int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::int64_t diagonal = row[0];
    row[0] = static_cast<std::int64_t>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::int64_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

double character_error_rate(std::string_view reference, std::string_view hypothesis) {
  const std::size_t length = code_points(reference).size();
  if (length == 0) return hypothesis.empty() ? 0.0 : 1.0;
  return static_cast<double>(edit_distance(reference, hypothesis)) / static_cast<double>(length);
}

double psnr(const at::Tensor& reference_HWC, const at::Tensor& other_HWC, const at::Tensor& mask_HW) {
  TORCH_CHECK(reference_HWC.sizes() == other_HWC.sizes(), "psnr: pictures of different shapes, ", reference_HWC.sizes(),
              " and ", other_HWC.sizes());
  at::Tensor squares_HWC = (reference_HWC.to(at::kDouble) - other_HWC.to(at::kDouble)).square();
  if (mask_HW.defined()) {
    TORCH_CHECK(mask_HW.any().item<bool>(), "psnr: an empty mask");
    squares_HWC = squares_HWC.index({mask_HW});
  }
  const double error = squares_HWC.mean().item<double>();
  return error > 0 ? std::min(kPerfectPsnr, 10.0 * std::log10(kPeak * kPeak / error)) : kPerfectPsnr;
}

}  // namespace palimpsest
