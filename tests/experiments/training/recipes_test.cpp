// What recipes can ask of a training run besides plain training, as people ask it: whole processes.
#include <gmock/gmock.h>

#include "base/safetensors.h"
#include "experiments/training/checkpoint.h"
#include "tests/experiments/training/tiny_run.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class Recipes : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyRun;
    tiny_->make_shards();
    base_ = tiny_->run("train backbone.toml --run ./runs/base");
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static const TinyRun& tiny() { return *tiny_; }
  static fs::path run_path(const std::string& name) { return tiny_->folder / ("runs/" + name); }
  static CheckpointContent newest(const std::string& name) {
    return read_checkpoint(*newest_checkpoint(run_path(name)));
  }
  // The message of a recipe, made of backbone.toml and some lines, that must be refused.
  static std::string refusal(const std::string& lines, const std::string& arguments = "") {
    tiny_->folder.write("wrong.toml", "base = 'backbone.toml'\n" + lines);
    const CommandOutcome outcome = tiny().run("train wrong.toml --run ./runs/wrong " + arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_FALSE(fs::exists(run_path("wrong"))) << lines;
    return outcome.err;
  }
  static void train(const std::string& name, const std::string& lines, const std::string& arguments = "") {
    tiny_->folder.write(name + ".toml", "base = 'backbone.toml'\n" + lines);
    const CommandOutcome outcome = tiny().run("train " + name + ".toml --run ./runs/" + name + " " + arguments);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }

  static inline TinyRun* tiny_ = nullptr;
  static inline CommandOutcome base_;
};

TEST_F(Recipes, MistakesAreShownAtTheirLine) {
  EXPECT_THAT(refusal("\n[training]\nlerning_rate = 1e-3\n"),
              HasSubstr("wrong.toml:4: training.lerning_rate: unknown key; did you mean 'learning_rate'?\n"
                        "  4 | lerning_rate = 1e-3"));
  EXPECT_THAT(refusal("[training]\noptimizer = 'adamv'\n"),
              HasSubstr("wrong.toml:3: training.optimizer: unknown value 'adamv'; did you mean 'adamw'?"));
  EXPECT_THAT(refusal("[trainin]\n"), HasSubstr("wrong.toml:2: trainin: unknown table; did you mean 'training'?"));
}

TEST_F(Recipes, ObjectsWantDataWithBoxes) {
  EXPECT_THAT(refusal("[diffusion.patterns.objects]\nweight = 1.0\n"),
              HasSubstr("diffusion.patterns.objects: needs object boxes, which shards (train) does not have"));
}

TEST_F(Recipes, SizesThatCannotBeAreRefused) {
  EXPECT_THAT(refusal("[backbone]\nheads = 3\n"),
              HasSubstr("wrong.toml:3: backbone.heads: must divide the width of 16\n  3 | heads = 3"));
  EXPECT_THAT(refusal("[backbone]\nheads = 8\n"), HasSubstr("backbone.heads: must leave a head width"));
  EXPECT_THAT(refusal("[backbone]\nwidth = 0\n"), HasSubstr("wrong.toml:3: backbone.width: must be greater than 0"));
  EXPECT_THAT(refusal("[backbone]\nkey_value_heads = 3\n"),
              HasSubstr("backbone.key_value_heads: must divide the heads"));
  EXPECT_THAT(refusal("[canvas.roles.caption]\nbound = 0\n"),
              HasSubstr("wrong.toml:3: canvas.roles.caption.bound: must be at least 1, got 0"));
  EXPECT_THAT(refusal("[training]\nmicro_batches = 3\n"),
              HasSubstr("wrong.toml:3: training.micro_batches: must divide batch"));
  EXPECT_THAT(refusal("[backbone]\ndigits = { text = [3, 3] }\n"),
              HasSubstr("backbone.digits.text: levels must multiply to"));
}

TEST_F(Recipes, AVocabularyTooSmallForItsTokenizerIsRefused) {
  const CommandOutcome outcome = tiny().run("train bpe.toml --run ./runs/small-bpe tokenizer.options.vocabulary=200");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("vocabulary"));
}

TEST_F(Recipes, DocumentsLongerThanTheirRoleAreRefusedByName) {
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/long canvas.roles.caption.bound=2");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("caption"));
}

TEST_F(Recipes, FrozenParametersStayAndTheOthersMove) {
  train("frozen", "[training]\nsteps = 3\nwarmup_steps = 0\nstart_from = 'runs/base'\nfreeze = ['embed', '*.norm1']\n");
  const auto before = newest("base").average, after = newest("frozen").model;
  for (const auto& [name, value] : before) {
    const bool frozen = name == "embed.weight" || name.find("norm1") != std::string::npos;
    EXPECT_EQ(value.equal(after.at(name)), frozen) << name;
  }
  EXPECT_THAT(refusal("[training]\nfreeze = ['embd']\n"),
              HasSubstr("wrong.toml:3: training.freeze: 'embd' means no parameter"));
}

TEST_F(Recipes, AdaptersLeaveTheBaseBitwiseAndAreMergedIntoWhatShips) {
  const std::string lora = "[lora]\nrank = 2\nalpha = 4.0\n[training]\nstart_from = 'runs/base'\nema = 0.0\n";
  train("lora", lora, "--export shipped/lora");
  const auto base = newest("base").average;
  const CheckpointContent trained = newest("lora");
  std::int64_t moved = 0;
  for (const auto& [name, value] : trained.model) {
    if (base.contains(name)) {
      EXPECT_TRUE(value.equal(base.at(name))) << name;
    } else {
      EXPECT_THAT(name, HasSubstr(".lora."));
      moved += name.ends_with(".up") && value.abs().sum().item<double>() > 0;
    }
  }
  EXPECT_EQ(moved, 4);  // one a target
  for (const auto& [name, value] : trained.optimizer) EXPECT_THAT(name, HasSubstr(".lora.")) << name;
  const auto shipped = read_safetensors(tiny().folder / "shipped/lora/model.safetensors").tensors;
  ASSERT_EQ(shipped.size(), base.size());
  const std::string qkv = "blocks.0.attention.qkv";
  const at::Tensor merged =
      base.at(qkv + ".weight") + 2.0 * trained.model.at(qkv + ".lora.up").matmul(trained.model.at(qkv + ".lora.down"));
  EXPECT_LT((shipped.at(qkv + ".weight").to(at::kFloat) - merged).abs().max().item<double>(), 2e-3);  // bf16
  for (const std::string checkpoint : {"runs/lora", "shipped/lora"}) {
    const CommandOutcome outcome =
        tiny().run("generate " + checkpoint + " --given title=apple --want caption --steps 2 --out made");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
  EXPECT_THAT(refusal("[lora]\nrank = 2\n"), HasSubstr("wrong.toml:2: lora: adapts what training.start_from names"));
  EXPECT_THAT(refusal("[lora]\ntargets = ['qkv']\n"), HasSubstr("wrong.toml:3: lora.targets: no matrix of a block"));
}

TEST_F(Recipes, AdaptersTrainFewParametersAndResumeExactly) {
  const std::string lora = "[lora]\nrank = 1\n[training]\nstart_from = 'runs/base'\n";
  train("lora-whole", lora);
  tiny_->folder.write("lora-cut.toml", "base = 'backbone.toml'\n" + lora);
  const std::string command = "train lora-cut.toml --run ./runs/lora-cut";
  ASSERT_EQ(tiny().run(command, "PALIMPSEST_FAILPOINT=train.after_step:8").code, kKilled);
  ASSERT_EQ(tiny().run(command).code, 0);
  EXPECT_EQ(tiny().log("lora-cut"), tiny().log("lora-whole"));
  const CommandOutcome plan = tiny().run("train lora-cut.toml --run ./runs/lora-cut --dry-run --json");
  ASSERT_EQ(plan.code, 0) << plan.err;
  const auto json = nlohmann::json::parse(plan.out);
  EXPECT_LT(json.at("trained_parameters").get<double>(), 0.15 * json.at("parameters").get<double>());
}

TEST_F(Recipes, ATeacherIsListenedTo) {
  train("taught", "[teacher]\ncheckpoint = 'runs/base'\nweight = 2.0\ntemperature = 1.5\n[training]\nsteps = 12\n");
  const auto first = nlohmann::json::parse(tiny().log("taught").front());
  EXPECT_GT(first.at("distillation").get<double>(), 0.0);
  EXPECT_GT(first.at("loss").get<double>(), first.at("distillation").get<double>());
  // Parts of a batch weigh as the whole does.
  train("taught-micro",
        "[teacher]\ncheckpoint = 'runs/base'\nweight = 2.0\ntemperature = 1.5\n[training]\nsteps = 12\n"
        "micro_batches = 2\n");
  const auto parts = nlohmann::json::parse(tiny().log("taught-micro").front());
  EXPECT_NEAR(parts.at("loss").get<double>(), first.at("loss").get<double>(), 1e-4);
  EXPECT_THAT(refusal("[teacher]\ncheckpoint = 'runs/bas'\n"), HasSubstr("runs/bas"));
  EXPECT_THAT(refusal("[teacher]\ncheckpoint = 'runs/base'\n[canvas.roles.caption]\nbound = 14\n"),
              HasSubstr("is shorter in role 'caption'"));
}

// The curriculum lays its tables over the recipe from a step on; before it, nothing is different.
TEST_F(Recipes, ACurriculumChangesWhatStepsSeeFromItsStepOn) {
  const std::string stages =
      "[data.role_sets.all]\nroles = ['caption', 'title']\n"
      "[data.role_sets.short]\nroles = ['title']\nweight = 0.0\n"
      "[[curriculum]]\nfrom = 8\n[curriculum.diffusion.patterns.spans]\nweight = 1.0\n"
      "[[curriculum]]\nfrom = 14\n[curriculum.data.role_sets.all]\nweight = 0.0\n"
      "[curriculum.data.role_sets.short]\nweight = 1.0\n";
  train("stages", stages, "training.log_every=1");
  train("no-stages", "[data.role_sets.all]\nroles = ['caption', 'title']\n", "training.log_every=1");
  const auto with = tiny().log("stages"), without = tiny().log("no-stages");
  const std::vector<std::string> begin(with.begin(), with.begin() + 8);
  EXPECT_EQ(begin, std::vector<std::string>(without.begin(), without.begin() + 8));
  EXPECT_NE(with[8], without[8]);
  tiny_->folder.write("stages-cut.toml", "base = 'backbone.toml'\n" + stages);
  const std::string command = "train stages-cut.toml --run ./runs/stages-cut training.log_every=1";
  ASSERT_EQ(tiny().run(command, "PALIMPSEST_FAILPOINT=train.after_step:16").code, kKilled);
  ASSERT_EQ(tiny().run(command).code, 0);
  EXPECT_EQ(tiny().log("stages-cut"), with);
}

TEST_F(Recipes, ACurriculumMayBeginWithShortPages) {
  train("short", "[[curriculum]]\nfrom = 2\ncanvas.roles.caption.bound = 9\n[training]\nsteps = 6\n");
  EXPECT_THAT(refusal("[[curriculum]]\nfrom = 2\ncanvas.roles.caption.bound = 13\n"),
              HasSubstr("wrong.toml:4: canvas.roles.caption.bound: a stage of the curriculum may be shorter than the "
                        "recipe's 12, not longer"));
  EXPECT_THAT(refusal("[[curriculum]]\nfrom = 2\ncanvas.roles.caption.bound = 1\n"), HasSubstr("no row is as short"));
}

TEST_F(Recipes, CurriculaAreReadStrictly) {
  EXPECT_THAT(refusal("[[curriculum]]\nfrom = 5\n[[curriculum]]\nfrom = 5\n"),
              HasSubstr("wrong.toml:5: curriculum[1].from: must come after the stage before it"));
  EXPECT_THAT(refusal("[[curriculum]]\nfrom = 5\n[curriculum.training]\nbatch = 8\n"),
              HasSubstr("wrong.toml:4: curriculum[0].training: is none of the tables that a stage may change"));
  EXPECT_THAT(refusal("[[curriculum]]\nfrom = 5\ndiffusion.conditonal = 0.5\n"),
              HasSubstr("wrong.toml:4: diffusion.conditonal: unknown key; did you mean 'conditional'?"));
}

// 3 times the forward pass: 2 a weight of a product, the head's at half of the positions, 4 L D a layer for attention.
TEST_F(Recipes, ADryRunsFlopsAreThoseOfTheNetsMatrices) {
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/plan --dry-run --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  double weights = 0;
  for (const auto& [name, tensor] : newest("base").model) {
    if (tensor.dim() != 2 || name == "role_embed.weight") continue;
    weights += static_cast<double>(tensor.numel()) * (name == "embed.weight" || name == "head.weight" ? 0.5 : 1.0);
  }
  const double length = 12 + 8, width = 16, layers = 1, batch = 4;
  EXPECT_EQ(newest("base").model.count("head.weight"), 0u);  // it is the embedding's
  EXPECT_NEAR(nlohmann::json::parse(outcome.out).at("flops_a_step").get<double>(),
              3 * (2 * weights + 4 * length * width * layers) * batch * length, 1);
}

TEST_F(Recipes, TasksAreValidatedByThemselves) {
  train("tasks", "[data]\ntasks = ['title -> caption', '-> title']\n[training]\nsteps = 3\n",
        "training.warmup_steps=0");
  const auto last = nlohmann::json::parse(tiny().log("tasks").back()).at("validation");
  EXPECT_GT(last.at("held-out/title->caption/text").get<double>(), 0.0);
  EXPECT_GT(last.at("held-out/->title/text").get<double>(), 0.0);
  EXPECT_TRUE(last.contains("held-out/text"));
  EXPECT_THAT(
      refusal("[data]\ntasks = ['title -> captoin']\n"),
      HasSubstr("wrong.toml:3: data.tasks: 'title -> captoin': unknown role 'captoin'; did you mean 'caption'?"));
  EXPECT_THAT(refusal("[data]\ntasks = ['title']\n"), HasSubstr("a task is written \"given, ... -> wanted, ...\""));
}

TEST_F(Recipes, SamplesAreMadeOnTheWay) {
  train("looks",
        "[data]\ntasks = ['title -> caption']\n[sampler]\nsteps = 2\n[training]\nsteps = 4\nsample_every = 3\n"
        "sample_count = 2\nwarmup_steps = 0\nvalidate_every = 2\n");
  for (const char* file :
       {"step-00000003/title-to-caption/00-given-title.txt", "step-00000003/title-to-caption/01-made-caption.txt",
        "step-00000004/title-to-caption/00-made-caption.txt"}) {
    EXPECT_TRUE(fs::exists(run_path("looks") / "samples" / file)) << file;
  }
  const std::string report = tiny().folder.read("runs/looks/report.html");
  EXPECT_THAT(report, HasSubstr("title-to-caption"));
  EXPECT_THAT(report, HasSubstr("Held out"));
  EXPECT_THAT(report, HasSubstr("sample_every = 3"));
  EXPECT_THAT(report, HasSubstr("Learning rate"));
}

// Ids that stand for the same bytes keep their rows, whatever their numbers; the others are drawn.
TEST_F(Recipes, AnotherVocabularyTakesTheRowsOfItsTokens) {
  ASSERT_EQ(
      tiny().run("train bpe.toml --run ./runs/bpe2 --export runs/bpe2/tokenizer tokenizer.options.vocabulary=272").code,
      0);
  ASSERT_EQ(tiny()
                .run("prepare prepare.toml --out shards2 tokenizers.caption.path=runs/bpe2/tokenizer "
                     "tokenizers.title.path=runs/bpe2/tokenizer")
                .code,
            0);
  tiny_->folder.write("other.toml",
                      "base = 'backbone.toml'\n[data]\ndirectory = 'shards2'\n"
                      "[tokenizers.caption]\npath = 'runs/bpe2/tokenizer'\n[tokenizers.title]\npath = "
                      "'runs/bpe2/tokenizer'\n[training]\nstart_from = 'runs/base'\nsteps = 1\nwarmup_steps = 0\n"
                      "learning_rate = 1e-30\nmuon_learning_rate = 1e-30\nema = 0.0\n");
  const CommandOutcome outcome = tiny().run("train other.toml --run ./runs/other");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("embed.weight: 288 of 288 rows from"));  // 16 and the 272 that both have
  const at::Tensor before = newest("base").average.at("embed.weight"), after = newest("other").model.at("embed.weight");
  EXPECT_TRUE(after.slice(0, 0, 16 + 256).equal(before.slice(0, 0, 16 + 256)));
  EXPECT_EQ(after.size(0), 288);
}

TEST_F(Recipes, LionTrainsAndItsRunsResume) {
  train("lion", "[training]\noptimizer = 'lion'\nlearning_rate = 3e-4\n");
  const auto state = newest("lion").optimizer;
  EXPECT_TRUE(state.contains("lion.momentum.embed.weight"));
  EXPECT_FALSE(state.contains("adamw.first.embed.weight"));
}

TEST_F(Recipes, TheRateFinderKeepsNothingButItsPlot) {
  const CommandOutcome outcome =
      tiny().run("train backbone.toml --run ./runs/rates --find-rate --steps 40 training.optimizer=adamw");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("suggestion      training.learning_rate="));
  EXPECT_THAT(tiny().folder.read("runs/rates/find-rate.svg"), HasSubstr("<svg"));
  EXPECT_FALSE(fs::exists(run_path("rates") / "checkpoints"));
  EXPECT_FALSE(fs::exists(run_path("rates") / "log.jsonl"));
}

TEST_F(Recipes, ASweepTrainsTheProductAndGoesOnWhereItWas) {
  const std::string command =
      "train backbone.toml --run ./runs/swept training.steps=2 training.warmup_steps=0"
      " --sweep training.learning_rate=1e-3,1e-2 --sweep training.seed=0,1";
  ASSERT_EQ(tiny().run(command, "PALIMPSEST_FAILPOINT=checkpoint.after_commit:2").code, kKilled);
  const CommandOutcome outcome = tiny().run(command + " --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("nothing to do"));
  const auto sweep = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(sweep.at("runs").size(), 4u);
  for (const auto& run : sweep.at("runs")) {
    EXPECT_GE(run.at("loss").get<double>(), sweep.at("runs").at(sweep.at("best").get<std::size_t>()).at("loss"));
  }
  EXPECT_TRUE(fs::exists(run_path("swept") / "sweep/training.learning_rate=1e-2,training.seed=1/checkpoints"));
  const CommandOutcome typo =
      tiny().run("train backbone.toml --run ./runs/swept2 --sweep training.learning_rat=1e-3,1e-2");
  EXPECT_EQ(typo.code, 2);
  EXPECT_FALSE(fs::exists(run_path("swept2")));
}

TEST_F(Recipes, ADryRunTellsMemoryAndTime) {
  const CommandOutcome outcome = tiny().run("train backbone.toml --run ./runs/dry --dry-run --probe 2 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("CPUAllocator")));
  const auto plan = nlohmann::json::parse(outcome.out);
  const auto& memory = plan.at("memory_bytes");
  EXPECT_EQ(memory.at("parameters").get<std::int64_t>(), 4 * plan.at("parameters").get<std::int64_t>());
  EXPECT_EQ(memory.at("total").get<std::int64_t>(),
            memory.at("program").get<std::int64_t>() + memory.at("parameters").get<std::int64_t>() +
                memory.at("average").get<std::int64_t>() + memory.at("optimizer").get<std::int64_t>() +
                memory.at("step").get<std::int64_t>());
  EXPECT_GT(plan.at("expected_seconds").get<double>(), 0.0);
  EXPECT_FALSE(fs::exists(run_path("dry")));
  EXPECT_EQ(tiny().run("train backbone.toml --probe 2").code, 2);
}

}  // namespace
}  // namespace palimpsest
