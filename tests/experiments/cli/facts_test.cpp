// Facts for people: columns, tables, and what is not there.
#include "experiments/cli/facts.h"

#include <gtest/gtest.h>

#include "experiments/cli/guidance_facts.h"

namespace palimpsest {
namespace {

TEST(Facts, SingleValuesStandInTwoColumnsAndTablesBelow) {
  const Facts facts{{"kind", "backbone"},
                    {"step_count", 20},
                    {"share", 0.25},
                    {"rate", 12345.678},
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
            "rate        12346\n"
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

TEST(GuidanceText, NamesTheRolesWhereTheyDiffer) {
  const CanvasSchema schema({{"caption", text_layout(2), false}, {"picture", grid_layout(1, 2), false}},
                            Vocabulary({{"text", {3}}, {"image", {2}}}));
  SamplerOptions sampler;
  sampler.guidance = 2;
  EXPECT_EQ(guidance_text(sampler, schema), "guidance 2");
  sampler.roles["caption"].guidance = 3.5;
  EXPECT_EQ(guidance_text(sampler, schema), "guidance 3.5 by caption, 2 by picture");
  sampler.guiding.convention = GuidanceConvention::kZeroIsNone;
  EXPECT_EQ(guidance_text(sampler, schema), "guidance 4.5 by caption, 3 by picture") << "as in u + w(c - u)";
}

}  // namespace
}  // namespace palimpsest
