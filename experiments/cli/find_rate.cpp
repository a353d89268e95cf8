#include "experiments/cli/find_rate.h"

#include <cmath>
#include <iomanip>
#include <iostream>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "experiments/report/svg_plot.h"

namespace palimpsest {

namespace {

constexpr std::size_t kLines = 25;  // of the table

std::string rate_plot(const RateTrial& trial) {
  Series raw{"loss", {}}, smooth{"smoothed", {}};
  for (std::size_t i = 0; i < trial.rates.size(); ++i) {
    raw.points.emplace_back(std::log10(trial.rates[i]), trial.losses[i]);
    smooth.points.emplace_back(std::log10(trial.rates[i]), trial.smoothed[i]);
  }
  return line_plot({.title = "Loss by learning rate", .x_label = "log10 of the learning rate", .y_label = "loss"},
                   {raw, smooth});
}

void print_trial(const RateTrial& trial) {
  const std::size_t stride = std::max<std::size_t>(1, trial.rates.size() / kLines);
  std::cout << "learning rate   loss      smoothed\n";
  for (std::size_t i = 0; i < trial.rates.size(); i += stride) {
    std::cout << std::left << std::setprecision(4) << std::setw(16) << trial.rates[i] << std::setw(10)
              << trial.losses[i] << trial.smoothed[i] << "\n";
  }
  if (trial.suggestion > 0) {
    std::cout << "suggestion      training.learning_rate=" << std::setprecision(2) << trial.suggestion << "\n";
  } else {
    std::cout << "suggestion      none: the loss never fell; try other --lowest and --highest\n";
  }
}

}  // namespace

void find_and_plot_rate(const FindRateRequest& request, const TaskMakers& makers) {
  catch_interrupts();
  const TaskRequest task_request = fitted_request(request.training, makers).task;
  const auto task = make_task(makers, task_request);
  begin_from(task_request.training.start_from, *task);
  const RateTrial trial = find_rate(*task, task_request.training, request.finder, task_request.machine.dtype);
  if (trial.rates.empty()) throw InputError("command line", "--lowest", "the first step had no finite gradient");
  if (!request.dry_run) {
    const std::filesystem::path plot = run_directory(request.training) / "find-rate.svg";
    std::filesystem::create_directories(plot.parent_path());
    write_file_atomically(plot, rate_plot(trial));
    std::cerr << plot.string() << ": the plot\n";
  }
  if (request.json) {
    const nlohmann::json json{{"rates", trial.rates},
                              {"losses", trial.losses},
                              {"smoothed", trial.smoothed},
                              {"suggestion", trial.suggestion}};
    std::cout << json.dump(1) << "\n";
  } else {
    print_trial(trial);
  }
}

}  // namespace palimpsest
