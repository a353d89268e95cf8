#include "base/energy.h"

#include <gtest/gtest.h>

#include "tests/support/counting_gpu.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

TEST(EnergyMeter, AddsPackagesAndFollowsCountersThatBeginAnew) {
  const ScratchFolder scratch;
  scratch.write("intel-rapl:0/energy_uj", "900000\n");
  scratch.write("intel-rapl:0/max_energy_range_uj", "1000000\n");
  scratch.write("intel-rapl:1/energy_uj", "5\n");
  scratch.write("intel-rapl:1/max_energy_range_uj", "1000000\n");
  scratch.write("intel-rapl:0:0/energy_uj", "1\n");  // part of package 0
  EnergyMeter meter(scratch.path());
  EXPECT_EQ(meter.joules(), 0.0);
  scratch.write("intel-rapl:0/energy_uj", "100000\n");
  scratch.write("intel-rapl:0:0/energy_uj", "900000\n");
  EXPECT_NEAR(*meter.joules(), 0.2, 1e-9);
  scratch.write("intel-rapl:1/energy_uj", "300005\n");
  EXPECT_NEAR(*meter.joules(), 0.5, 1e-9);
}

TEST(EnergyMeter, SaysNothingWhereTheMachineDoesNot) {
  const ScratchFolder scratch;
  EXPECT_FALSE(EnergyMeter(scratch.path()).joules().has_value());
  EXPECT_FALSE(EnergyMeter(scratch.path() / "absent").joules().has_value());
}

TEST(EnergyMeter, AddsGpusToThePackagesAndTellsThemApart) {
  CountingGpu& gpu = counting_gpu();
  const ScratchFolder scratch;
  scratch.write("intel-rapl:0/energy_uj", "0\n");
  EnergyMeter meter(scratch.path(), GpuEnergy({0}, counting_gpu_libraries()));
  scratch.write("intel-rapl:0/energy_uj", "2000000\n");
  gpu.millijoules[1] = 3000;
  EXPECT_NEAR(*meter.joules(), 5.0, 1e-9);
  EXPECT_NEAR(*meter.gpu_joules(), 3.0, 1e-9);
  EnergyMeter no_packages(scratch / "absent", GpuEnergy({0}, counting_gpu_libraries()));
  gpu.millijoules[1] = 4000;
  EXPECT_NEAR(*no_packages.joules(), 1.0, 1e-9);
}

TEST(GpuEnergy, AddsTheDevicesByTheNumbersThatCudaGivesThem) {
  CountingGpu& gpu = counting_gpu();
  gpu.millijoules = {500'000, 7000};
  {
    GpuEnergy second({1}, counting_gpu_libraries()), both({0, 1}, counting_gpu_libraries());
    EXPECT_EQ(gpu.started, 2);
    EXPECT_EQ(second.joules(), 0.0);
    gpu.millijoules = {502'000, 7500};
    EXPECT_NEAR(*second.joules(), 2.0, 1e-9);  // CUDA's second is the management library's first
    EXPECT_NEAR(*both.joules(), 2.5, 1e-9);
    gpu.millijoules = {502'500, 300};  // the driver was loaded anew: from zero
    EXPECT_NEAR(*both.joules(), 2.5 + 0.5 + 0.3, 1e-9);
    gpu.answer[1] = 15;  // a device that has gone tells nothing, and what it told stays
    gpu.millijoules = {503'500, 9'999};
    EXPECT_NEAR(*both.joules(), 4.3, 1e-9);
  }
  EXPECT_EQ(gpu.started, 0);
}

TEST(GpuEnergy, SaysNothingWhereNothingTells) {
  CountingGpu& gpu = counting_gpu();
  const GpuLibraries libraries = counting_gpu_libraries();
  EXPECT_FALSE(GpuEnergy().joules().has_value());
  EXPECT_FALSE(GpuEnergy({0}, {"libabsent-ml.so.1", libraries.driver}).joules().has_value());
  EXPECT_FALSE(GpuEnergy({0}, {libraries.management, "libabsent-cuda.so.1"}).joules().has_value());
  EXPECT_FALSE(GpuEnergy({2}, libraries).joules().has_value());  // no such device
  gpu.answer[1] = 3;                                             // not supported
  EXPECT_FALSE(GpuEnergy({0}, libraries).joules().has_value());
  EXPECT_TRUE(GpuEnergy({0, 1}, libraries).joules().has_value());  // of the one that tells
  gpu.answer_to_start = 9;                                         // the driver is not loaded
  EXPECT_FALSE(GpuEnergy({1}, libraries).joules().has_value());
  EXPECT_EQ(gpu.started, 0);
}

TEST(EnergyText, TellsWattHoursAndWhatTheyCost) {
  EXPECT_EQ(energy_text(45'000, {}, 0), "12.5 Wh");
  EXPECT_EQ(energy_text(45'000, {}, 0.3), "12.5 Wh (0.00375 at 0.3 a kWh)");
  EXPECT_EQ(energy_text(7.2e6, {}, 0.3), "2 kWh (0.6 at 0.3 a kWh)");
  EXPECT_EQ(energy_text(45'000, 32'400, 0.3), "12.5 Wh, 9 Wh of it by the GPU (0.00375 at 0.3 a kWh)");
}

}  // namespace
}  // namespace palimpsest
