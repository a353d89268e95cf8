// Figures and how sure they are: intervals, distances between texts, signal-to-noise.
//
// Shapes: N samples; H rows, W columns, C channels.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>
#include <vector>

#include "base/random.h"

namespace palimpsest {

struct Interval {
  double low = 0, high = 0;
};

// 95% interval of a rate of `successes` among `trials` (Wilson, "Probable inference", JASA 1927): right at the ends and
// for few trials, where the normal interval is not. c10::Error without trials.
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

// Percentile bootstrap of the mean, 95%, `kBootstrapDraws` keyed resamples (Efron 1979). c10::Error for no values.
inline constexpr std::int64_t kBootstrapDraws = 2000;
Interval bootstrap_mean_interval(const std::vector<double>& values, RandomKey key);
double mean(const std::vector<double>& values);

double rate_of(const std::vector<bool>& hits);

// Insertions, deletions and substitutions between two texts, counted in Unicode code points (both valid UTF-8).
std::int64_t edit_distance(std::string_view left, std::string_view right);
// Edit distance over the reference's length in code points; may exceed 1. An empty reference: 0 if equal, else 1.
double character_error_rate(std::string_view reference, std::string_view hypothesis);

// Peak signal-to-noise ratio in dB of uint8 pictures of one shape, over the pixels where mask_HW (bool, optional)
// holds. Equal pictures give kPerfectPsnr, so that means stay finite.
inline constexpr double kPerfectPsnr = 100.0;
double psnr(const at::Tensor& reference_HWC, const at::Tensor& other_HWC, const at::Tensor& mask_HW = {});

}  // namespace palimpsest
