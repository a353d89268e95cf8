// The report of a training run: its curves, its figures, what it made and the recipe it was made with, on one page.
#pragma once

#include <filesystem>

namespace palimpsest {

// Writes RUN/report.html out of the run's log, newest checkpoint, samples and recipe. InputError for a directory that
// is no run.
void write_run_report(const std::filesystem::path& run);

}  // namespace palimpsest
