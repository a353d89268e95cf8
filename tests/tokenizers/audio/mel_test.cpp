#include "tokenizers/audio/mel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/errors.h"
#include "tokenizers/audio/griffin_lim.h"

namespace palimpsest {
namespace {

constexpr double kRate = 16'000;

at::Tensor tone(double hertz, double hertz_a_second, std::int64_t size) {
  const at::Tensor seconds = at::arange(size, at::kDouble) / kRate;
  return at::sin(2 * std::numbers::pi * (hertz + hertz_a_second * seconds) * seconds).to(at::kFloat);
}

// How far the magnitudes of a sound are from the wished ones, as a share of these.
double spectral_error(const at::Tensor& samples_N, const at::Tensor& wished_TK, const MelOptions& options) {
  return ((magnitudes_TK(samples_N, options) - wished_TK).norm() / wished_TK.norm()).item<double>();
}

// The values are make_goldens.py's: a direct Fourier sum in plain Python.
TEST(LogMel, AgreesWithTheDefinition) {
  const at::Tensor samples = 0.5 * tone(300, 400, 1000) + 0.1 * tone(2500, 0, 1000);
  const at::Tensor mel_TM = log_mel_TM(samples, {});
  ASSERT_EQ(mel_TM.sizes(), at::IntArrayRef({7, 80}));
  const std::map<std::int64_t, std::map<std::int64_t, double>> goldens{{0,
                                                                        {{0, -3.88402},
                                                                         {5, -3.32035},
                                                                         {11, -1.43568},
                                                                         {12, -1.84100},
                                                                         {20, -4.53338},
                                                                         {41, -6.10007},
                                                                         {47, -2.85200},
                                                                         {79, -5.90188}}},
                                                                       {3,
                                                                        {{0, -9.60362},
                                                                         {5, -7.29266},
                                                                         {11, -0.78783},
                                                                         {12, -1.09520},
                                                                         {20, -8.55538},
                                                                         {41, -11.18289},
                                                                         {47, -3.25872},
                                                                         {79, -11.50985}}},
                                                                       {6,
                                                                        {{0, -5.32324},
                                                                         {5, -4.35441},
                                                                         {11, -1.36738},
                                                                         {12, -1.10953},
                                                                         {20, -3.68264},
                                                                         {41, -4.58530},
                                                                         {47, -2.91885},
                                                                         {79, -4.02979}}}};
  for (const auto& [frame, bands] : goldens) {
    for (const auto& [band, expected] : bands) {
      EXPECT_NEAR(mel_TM[frame][band].item<double>(), expected, 5e-3) << "frame " << frame << " band " << band;
    }
  }
}

TEST(Magnitudes, AFullScaleSineHasMagnitudeOne) {
  const MelOptions options;
  const at::Tensor found_TK = magnitudes_TK(tone(1000, 0, 8000), options);
  EXPECT_EQ(found_TK.sizes(), at::IntArrayRef({50, 257}));
  EXPECT_NEAR(found_TK[25][32].item<double>(), 1.0, 1e-4);  // bin 32 of 31.25 Hz each
  EXPECT_EQ(magnitudes_TK(at::zeros({0}), options).sizes(), at::IntArrayRef({0, 257}));
}

TEST(MagnitudesOfMel, HaveTheMelThatWasAsked) {
  const MelOptions options;
  const at::Tensor wished_TM = log_mel_TM(tone(500, 2000, 8000), options);
  const at::Tensor found_TK = magnitudes_of_mel_TK(wished_TM, options);
  EXPECT_GE(found_TK.min().item<float>(), 0.0F);
  const at::Tensor back = at::matmul(found_TK, mel_filters_MK(options).t()),
                   wished = at::exp(wished_TM) - options.floor;
  EXPECT_LT(((back - wished).norm() / wished.norm()).item<double>(), 0.02);
}

TEST(GriffinLim, FindsAWaveformForTheMagnitudesOfToneAndChirp) {
  const MelOptions options;
  for (const double slope : {0.0, 1500.0}) {
    const at::Tensor wished_TK = magnitudes_TK(tone(440, slope, 8000), options);
    const at::Tensor samples = griffin_lim(wished_TK, options, {});
    EXPECT_EQ(samples.sizes(), at::IntArrayRef({8000}));
    const double error = spectral_error(samples, wished_TK, options);
    EXPECT_LT(error, 0.1) << "slope " << slope;
    EXPECT_LT(error, spectral_error(griffin_lim(wished_TK, options, {.iterations = 1}), wished_TK, options))
        << "slope " << slope;
    EXPECT_TRUE(at::equal(samples, griffin_lim(wished_TK, options, {})));
  }
}

TEST(GriffinLim, ShortAndEmptySoundsHaveTheirLength) {
  const MelOptions options;
  EXPECT_EQ(griffin_lim(at::ones({1, 257}), options, {}).size(0), 160);
  EXPECT_EQ(griffin_lim(at::zeros({0, 257}), options, {}).size(0), 0);
  EXPECT_TRUE(at::isfinite(griffin_lim(at::zeros({8, 257}), options, {})).all().item<bool>());
}

TEST(MelOptions, BrokenRulesAreErrors) {
  EXPECT_THROW((MelOptions{.window = 500}).validate(), InputError);
  EXPECT_THROW((MelOptions{.hop = 300}).validate(), InputError);
  EXPECT_THROW((MelOptions{.highest = 9000}).validate(), InputError);
  EXPECT_THROW((GriffinLimOptions{.momentum = 1}).validate(), InputError);
  EXPECT_NO_THROW(MelOptions{}.validate());
}

}  // namespace
}  // namespace palimpsest
