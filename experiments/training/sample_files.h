// Samples of a run on disk and on TensorBoard.
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/training/task.h"
#include "experiments/training/tensorboard_writer.h"

namespace palimpsest {

// samples/step-00001234 of a run.
std::filesystem::path sample_path(const std::filesystem::path& run, std::int64_t step);

// DIRECTORY/TASK/NN-{given,made}-ROLE.{png,wav,txt} and sheet.png with the pictures that were made; whole or not there.
void write_samples(const std::filesystem::path& directory, const std::vector<TaskSamples>& samples);

// A sheet of each task's pictures, its first sound, and its texts beside what was given.
void show_samples(TensorBoardWriter& events, const std::vector<TaskSamples>& samples, std::int64_t step);

}  // namespace palimpsest
