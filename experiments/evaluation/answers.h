// Answers that can be checked exactly: what a model made, what copying would give, and what another row's answer would.
//
// Shapes: N rows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/evaluation/evaluation.h"

namespace palimpsest {

// How right an answer is: the share of what it has to say, 1 when all of it is.
using Rightness = double;

struct CheckedAnswers {
  std::vector<Rightness> made, copied, rebuilt;
  std::vector<Rightness> others;  // of each row's answer for each other row's question
};

// Rows "NAME: all right" (a rate) and "NAME: parts right" (a mean), with copying as the baseline and other rows'
// answers as chance, and what the tokenizer's reconstruction of the truth would get.
std::vector<MetricRow> checked_rows(const CheckedAnswers& answers, const std::string& name, const std::string& split,
                                    const std::string& note);

}  // namespace palimpsest
