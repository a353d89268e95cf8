#include "base/energy.h"

#include <gtest/gtest.h>

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

TEST(EnergyText, TellsWattHoursAndWhatTheyCost) {
  EXPECT_EQ(energy_text(45'000, 0), "12.5 Wh");
  EXPECT_EQ(energy_text(45'000, 0.3), "12.5 Wh (0.00375 at 0.3 a kWh)");
  EXPECT_EQ(energy_text(7.2e6, 0.3), "2 kWh (0.6 at 0.3 a kWh)");
}

}  // namespace
}  // namespace palimpsest
