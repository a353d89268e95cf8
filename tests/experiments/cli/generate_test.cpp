// palimpsest generate, run as a person runs it, on an untrained checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modalities/media/image.h"
#include "tests/pipelines/tiny_checkpoint.h"
#include "tests/support/command.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// Runs `palimpsest generate CHECKPOINT arguments` inside the scratch folder.
CommandOutcome generate(const ScratchFolder& scratch, const std::string& arguments) {
  return run_palimpsest(scratch, "generate tiny --device cpu --dtype fp32 --threads 1 " + arguments);
}

class Generate : public testing::Test {
 protected:
  Generate() {
    write_checkpoint({scratch / "tiny"});
    save_png(Image{at::arange(16 * 16 * 3).remainder(256).to(at::kByte).view({16, 16, 3})}, scratch / "apple.png");
    save_png(Image{at::zeros({20, 30, 3}, at::kByte)}, scratch / "wide.png");
  }
  void expect_refused(const std::string& arguments, const std::string& message) {
    const CommandOutcome outcome = generate(scratch, arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
    EXPECT_EQ(outcome.err.find("\npalimpsest: "), std::string::npos) << outcome.err;
    EXPECT_FALSE(fs::exists(scratch / "out")) << arguments;
  }
  ScratchFolder scratch;
};

TEST_F(Generate, MakesEveryWantedRoleAsFiles) {
  const CommandOutcome outcome =
      generate(scratch, "--given caption='red apple' --want picture,speech --count 3 --out out --json --trace");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report.at("files").size(), 6u);
  EXPECT_EQ(report.at("steps"), 3);  // of the checkpoint's recipe
  EXPECT_EQ(report.at("guidance"), nlohmann::json({{"caption", 1.5}}));
  for (const char* name : {"picture-000.png", "picture-002.png", "speech-001.wav", "trace.json", "picture-film.png"}) {
    EXPECT_TRUE(fs::exists(scratch / "out" / name)) << name;
  }
  EXPECT_FALSE(fs::exists(scratch / "out" / "caption-000.txt"));
  EXPECT_EQ(load_image(scratch / "out" / "picture-000.png").pixels_HWC.size(0), 16);
}

TEST_F(Generate, ATraceReplaysToTheSameFiles) {
  const std::string query = "--given caption='red apple' --want picture,speech --count 2 ";
  ASSERT_EQ(generate(scratch, query + "--seed 5 --out first --trace").code, 0);
  const CommandOutcome again = generate(scratch, query + "--seed 6 --replay first/trace.json --out again --trace");
  ASSERT_EQ(again.code, 0) << again.err;
  for (const char* name : {"picture-000.png", "picture-001.png", "speech-000.wav", "trace.json", "picture-film.png"}) {
    EXPECT_EQ(scratch.read(std::string("first/") + name), scratch.read(std::string("again/") + name)) << name;
  }
  expect_refused("--given caption='red pear' --want picture,speech --count 2 --replay first/trace.json --out out",
                 "first/trace.json: start: is another canvas");
  expect_refused("--want picture --replay apple.png --out out", "apple.png");
}

TEST_F(Generate, SameSeedSameFilesWhateverTheCount) {
  for (const char* arguments :
       {"--count 1 --seed 3 --out one", "--count 3 --seed 3 --out three", "--count 1 --seed 4 --out other"}) {
    ASSERT_EQ(generate(scratch, std::string("--want picture,caption ") + arguments).code, 0);
  }
  EXPECT_EQ(scratch.read("one/picture-000.png"), scratch.read("three/picture-000.png"));
  EXPECT_EQ(scratch.read("one/caption-000.txt"), scratch.read("three/caption-000.txt"));
  EXPECT_NE(scratch.read("one/picture-000.png"), scratch.read("other/picture-000.png"));
}

TEST_F(Generate, FlagsStandAboveOverridesAboveTheRecipe) {
  const CommandOutcome outcome = generate(
      scratch,
      "sampler.guidance=2 sampler.steps=5 --steps 2 --want caption --given picture=apple.png --out out --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("steps"), 2);
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("guidance"), nlohmann::json({{"picture", 2.0}}));
}

TEST_F(Generate, AFlagSpeaksOfAllRolesUnlessOneIsNamedBesideIt) {
  const std::string more = "guidance = 2.5\n[sampler.roles.picture]\nbest_of = 4\n";  // the caption's table is last
  scratch.write("tiny/recipe.toml", scratch.read("tiny/recipe.toml") + more);
  const auto expect_chosen = [this](const std::string& arguments, int candidates, double guidance) {
    const CommandOutcome outcome =
        generate(scratch, "--given caption=red --want picture --out out --json " + arguments);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const auto report = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(report.at("candidates"), candidates) << arguments;
    EXPECT_EQ(report.at("guidance"), nlohmann::json({{"caption", guidance}})) << arguments;
  };
  expect_chosen("", 4, 2.5);
  expect_chosen("--best-of 2 --guidance 1.25", 2, 1.25);
  expect_chosen("--best-of 2 sampler.roles.picture.best_of=3", 3, 2.5);
}

TEST_F(Generate, TellsTheGuidanceOfWhatIsGiven) {
  const auto guidance = [this](const std::string& arguments) {
    const CommandOutcome outcome =
        generate(scratch, "sampler.roles.caption.guidance=2.5 --want speech --out out --json " + arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out).at("guidance");
  };
  EXPECT_EQ(guidance("--given caption=red"), nlohmann::json({{"caption", 2.5}}));
  EXPECT_EQ(guidance("--given caption=red --given picture=apple.png"),
            nlohmann::json({{"caption", 2.5}, {"picture", 1.5}}));
  EXPECT_EQ(guidance("--given picture=apple.png --hole picture=0,0,0.5,1"), nlohmann::json::object());
}

TEST_F(Generate, ReachesThePoliciesByFlagsAndKeys) {
  for (const char* arguments :
       {"--unmask halton --remask remdm-cap --remask-rate 0.2 --guidance-schedule linear",
        "sampler.unmask=ancestral sampler.remask=forward-backward sampler.min_p=0.05 sampler.roles.picture.block=2",
        "--unmask entropy-bounded --entropy-bound 0.5 --repetition-penalty 1.2 sampler.roles.picture.forbid=[0,1]",
        "--joint sequential --joint-order picture --unmask margin --steps 4"}) {
    const CommandOutcome outcome =
        generate(scratch, std::string("--want picture,speech --given caption=red --out out --json ") + arguments);
    ASSERT_EQ(outcome.code, 0) << arguments << outcome.err;
    EXPECT_EQ(nlohmann::json::parse(outcome.out).at("files").size(), 2u) << arguments;
  }
}

TEST_F(Generate, KeepsTheBestOfSeveralWhereSomethingIsGiven) {
  const std::string query = "--given caption=red --want picture --count 2 --json --trace ";
  const CommandOutcome best = generate(scratch, query + "--best-of 3 --out best");
  ASSERT_EQ(best.code, 0) << best.err;
  EXPECT_THAT(best.err, HasSubstr("the best of 6 candidates"));
  EXPECT_EQ(nlohmann::json::parse(best.out).at("files").size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(best.out).at("candidates"), 6);
  const CommandOutcome again = generate(scratch, query + "--replay best/trace.json --out again");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("as best/trace.json has it"));
  EXPECT_EQ(scratch.read("best/picture-001.png"), scratch.read("again/picture-001.png"));
  expect_refused("--want picture --best-of 3 --out out", "--best-of: needs a role that is given whole");
  expect_refused("--want picture --best-of 0 --out out", "best_of: must be 1");
  expect_refused("--want picture sampler.roles.picture.best_of=0 --out out", "roles.picture.best_of: must be 1");
}

TEST_F(Generate, FillsAHoleAndReadsFiles) {
  scratch.write("words.txt", "a dog\n");
  const CommandOutcome outcome =
      generate(scratch, "--given caption=@words.txt --given picture=apple.png --hole picture=0,0,0.5,1 --out out");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("picture-000.png"));
  EXPECT_EQ(generate(scratch, "--given picture=wide.png --fit pad --want caption --out out").code, 0);
}

TEST_F(Generate, DryRunMakesNothing) {
  const CommandOutcome outcome = generate(scratch, "--want picture --count 4 --dry-run --out out");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("would make 4 of picture in 3 steps"));
  EXPECT_FALSE(fs::exists(scratch / "out"));
}

TEST_F(Generate, RefusesWrongInputByName) {
  scratch.write("fake.png", "this is text");
  expect_refused("--want pictrue --out out", "did you mean 'picture'");
  expect_refused("--given captoin=a --want picture --out out", "did you mean 'caption'");
  expect_refused("--given caption --want picture --out out", "--given: must be ROLE=TEXT");
  expect_refused("--given picture=none.png --want caption --out out", "none.png");
  expect_refused("--given picture=fake.png --want caption --out out", "fake.png");
  expect_refused("--given picture=wide.png --want caption --out out", "picture");
  expect_refused("--given caption='far too long for twelve ids' --want picture --out out", "caption");
  expect_refused("--given caption=$(printf '\\377') --want picture --out out", "caption");
  expect_refused("--want picture --steps 0 --out out", "steps: must be at least 1, got 0");
  expect_refused("--want picture --count 0 --out out", "--count: must be at least 1, got 0");
  expect_refused("--want picture --guidance 3 --out out", "--guidance: needs a role that is given whole");
  expect_refused("--want picture --top-p 1.5 --out out", "top_p: must be above 0");
  expect_refused("--want picture --temperature -1 --out out", "temperature: must be 0 or more");
  expect_refused("--want picture --remask quality --out out", "remask: quality needs a head that judges written ids");
  expect_refused("--want picture --unmask first-hitting --steps 9 --out out", "steps: must be at most one a position");
  expect_refused("--want picture --unmask threshold --remask remdm-cap --out out",
                 "remask: remdm-cap cannot be combined");
  expect_refused("--want picture --unmask confidense --out out", "did you mean 'confidence'");
  expect_refused("--want picture sampler.roles.picture.allow=[99] --out out",
                 "roles.picture.allow: must be ids from 0");
  expect_refused("--want picture sampler.roles.picture.allow=[1] sampler.roles.picture.forbid=[1] --out out",
                 "roles.picture: allow and forbid leave no legal id at position 0");
  expect_refused("--want picture,caption --joint sequential --steps 1 --out out", "steps: must leave role");
  expect_refused("--want picture sampler.stepz=3 --out out", "did you mean 'steps'");
  expect_refused("--want picture training.steps=3 --out out", "only sampler.KEY=VALUE");
  expect_refused("--given picture=apple.png --hole picture=0.5,0,0.5,1 --out out", "a hole is top,left,bottom,right");
  expect_refused("--given caption=a --given caption=b --want picture --out out", "is given twice");
  expect_refused("--given caption=a --out out", "nothing is wanted");
  expect_refused("--want picture", "--out: name a directory");
  fs::remove(scratch / "tiny" / "state.json");
  expect_refused("--want picture --out out", "state.json: is missing");
}

}  // namespace
}  // namespace palimpsest::test
