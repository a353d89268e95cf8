// Counts held against the uniform law.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace palimpsest {

// Pearson's statistic over `cells` outcomes. Its mean under the law is the number of degrees of freedom and its
// variance twice that: five standard deviations more are beyond chance.
inline void expect_uniform(const std::map<std::string, std::int64_t>& counts, std::int64_t cells, const char* what) {
  ASSERT_LE(static_cast<std::int64_t>(counts.size()), cells) << what;
  double total = 0, statistic = 0;
  for (const auto& [name, count] : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(cells);
  ASSERT_GE(expected, 5.0) << what << ": too few draws to tell";
  statistic += static_cast<double>(cells - static_cast<std::int64_t>(counts.size())) * expected;
  for (const auto& [name, count] : counts) statistic += std::pow(static_cast<double>(count) - expected, 2) / expected;
  const auto freedom = static_cast<double>(cells - 1);
  EXPECT_LT(statistic, freedom + 5.0 * std::sqrt(2.0 * freedom)) << what;
}

}  // namespace palimpsest
