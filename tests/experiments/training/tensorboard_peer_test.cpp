// TensorBoard's own reader on what the trainer's writer wrote; passed over where TensorBoard is not installed.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/training/sample_files.h"
#include "tests/support/command.h"

namespace palimpsest {
namespace {

constexpr int kNotInstalled = 77;

std::vector<TaskSamples> some_samples() {
  TaskSamples samples{"all", {}};
  for (int i = 0; i < 3; ++i) {
    samples.items.push_back({{{"title", Text{"red"}}},
                             {{"picture", Image{at::full({16, 16, 3}, 40 * i, at::kByte)}},
                              {"speech", Audio{at::zeros({800}), 16'000}},
                              {"caption", Text{"a red apple"}}}});
  }
  return {samples};
}

TEST(TensorBoardPeer, ReadsScalarsPicturesSoundTextsAndSettings) {
  const ScratchFolder scratch;
  {
    TensorBoardWriter first(scratch.path(), 0);
    first.settings({{"training.batch", 32.0}, {"training.optimizer", std::string("muon")}, {"backbone.tied", true}});
    for (std::int64_t step = 10; step <= 60; step += 10)
      first.scalar("train/loss", 1.0 / static_cast<double>(step), step);
    first.flush();
  }
  TensorBoardWriter resumed(scratch.path(), 30);  // what was written of later steps is dropped
  for (std::int64_t step = 40; step <= 50; step += 10) resumed.scalar("train/loss", 7.0, step);
  show_samples(resumed, some_samples(), 50);
  resumed.flush();
  const std::string peers = std::string(PALIMPSEST_SOURCE_DIR) + "/.deps/peers";
  const CommandOutcome outcome =
      run_command(scratch, "PYTHONPATH='" + peers + "' python3 '" + std::string(PALIMPSEST_SOURCE_DIR) +
                               "/tests/experiments/training/tensorboard_peer.py' .");
  if (outcome.code == kNotInstalled || outcome.code == 127) GTEST_SKIP() << "TensorBoard is not installed";
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto seen = nlohmann::json::parse(outcome.out);
  const auto& loss = seen.at("scalars").at("train/loss");
  ASSERT_EQ(loss.size(), 5u) << loss;
  EXPECT_EQ(loss[2][0], 30);
  EXPECT_EQ(loss[4], nlohmann::json({50, 7.0}));
  const nlohmann::json sheet{50, 3 * (128 + 6) + 6, 128 + 2 * 6, "89504e47"};
  EXPECT_EQ(seen.at("images").at("samples/all").at(0), sheet);
  EXPECT_EQ(seen.at("audio").at("samples/all").at(0), nlohmann::json({50, 16'000.0, 800, "audio/wav"}));
  EXPECT_NE(seen.at("texts").at("samples/all").at(0).get<std::string>().find("red → a red apple"), std::string::npos);
  EXPECT_EQ(seen.at("settings").at("training.optimizer"), "muon");
  EXPECT_EQ(seen.at("settings").at("training.batch"), 32.0);
  EXPECT_EQ(seen.at("settings").at("backbone.tied"), true);
}

}  // namespace
}  // namespace palimpsest
