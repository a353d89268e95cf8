// palimpsest train --find-rate: the finder's table, plot and suggestion.
#pragma once

#include "experiments/training/rate_finder.h"
#include "experiments/training/run.h"

namespace palimpsest {

struct FindRateRequest {
  TrainRequest training;
  RateFinderOptions finder;
  bool json = false;
  bool dry_run = false;  // writes no plot
};

// Prints the course and the suggestion on stdout, and leaves RUN/find-rate.svg.
void find_and_plot_rate(const FindRateRequest& request, const TaskMakers& makers);

}  // namespace palimpsest
