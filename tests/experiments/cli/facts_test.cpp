// Facts for people: columns, tables, and what is not there.
#include "experiments/cli/facts.h"

#include <gtest/gtest.h>

namespace palimpsest {
namespace {

TEST(Facts, SingleValuesStandInTwoColumnsAndTablesBelow) {
  const Facts facts{{"kind", "backbone"},
                    {"step_count", 20},
                    {"share", 0.25},
                    {"whole", true},
                    {"missing", nullptr},
                    {"sizes", {8, 8}},
                    {"none_here", Facts::array()},
                    {"roles", {{{"role", "caption"}, {"bound", 12}}, {{"role", "æ"}, {"bound", nullptr}}}},
                    {"inner", {{"width", 32}}}};
  EXPECT_EQ(format_facts(facts),
            "kind        backbone\n"
            "step count  20\n"
            "share       0.25\n"
            "whole       yes\n"
            "missing     -\n"
            "sizes       8, 8\n"
            "none here   none\n"
            "roles\n"
            "  role     bound\n"
            "  caption  12\n"
            "  æ        -\n"
            "inner\n"
            "  width  32\n");
}

TEST(Facts, ATomlTableIsTheSameValues) {
  const auto table = toml::parse("kind = 'x'\n[training]\nsteps = 5\nrate = 0.5\nnames = ['a', 'b']\n");
  EXPECT_EQ(to_facts(table).dump(), R"({"kind":"x","training":{"names":["a","b"],"rate":0.5,"steps":5}})");
}

}  // namespace
}  // namespace palimpsest
