// palimpsest bench: that both sides do the same work, and what is told of it. No wall time is asserted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "experiments/cli/bench_peer.h"
#include "experiments/cli/bench_sample_peer.h"
#include "experiments/cli/bench_task.h"
#include "experiments/cli/facts.h"
#include "experiments/cli/measure.h"
#include "tests/pipelines/tiny_checkpoint.h"
#include "tests/support/command.h"
#include "tests/support/message.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kPeers = fs::path(PALIMPSEST_SOURCE_DIR) / "tests/bench/peers";
constexpr BenchPreset kSmallest{"smallest", 32, 2, 2, 12, 3, 24};

TEST(BenchPresets, AreThoseOfTheReference) {
  const std::string source = read_file(kPeers / "model.py");
  for (const BenchPreset& preset : kBenchPresets) {
    const std::string line = "\"" + std::string(preset.name) + "\": dict(dim=" + std::to_string(preset.width) +
                             ", depth=" + std::to_string(preset.layers) + ", heads=" + std::to_string(preset.heads) +
                             ")";
    EXPECT_THAT(source, HasSubstr(line));
    EXPECT_EQ(preset.vocabulary, 4096 + 512 + 1024);
  }
  EXPECT_THAT(source, HasSubstr("TEXT, IMAGE, AUDIO = 4096, 512, 1024"));
  EXPECT_EQ(message_of<InputError>([] { find_bench_preset("tinny"); }),
            "command line: --preset: unknown preset 'tinny'; did you mean 'tiny'?");
}

// Embedding and head have a row for each special id, of which the reference has the mask's alone in its embedding.
TEST(BenchPresets, ParametersAreTheReferencesBesidesSpecialIds) {
  const BenchPreset& preset = find_bench_preset("tiny");
  const TransformerOptions options = bench_transformer(preset);
  const std::int64_t D = preset.width, F = options.hidden_width(), V = preset.vocabulary;
  const std::int64_t reference = (V + 1) * D + preset.layers * (4 * D * D + 3 * D * F + 2 * D) + D + V * D;
  Transformer transformer(options, bench_schema(preset), RandomKey::root(0));
  EXPECT_EQ(transformer.parameters().count() - reference, (2 * kFirstModalityId - 1) * D);
}

// make_goldens.py's waves: each matrix at its own phase, norms near one.
at::Tensor wave(const std::string& name, at::IntArrayRef sizes) {
  const at::Tensor phase = 0.7 * at::arange(c10::multiply_integers(sizes), at::kDouble);
  const at::Tensor value = at::sin(phase + static_cast<double>(name.size())).view(sizes);
  return (sizes.size() == 1 ? 1 + 0.1 * value : 0.3 * value).to(at::kFloat);
}

// The reference's tensors in this program's rows: ids after the special ones, and the mask's own.
std::map<std::string, at::Tensor> reference_values(const ParameterSet& parameters) {
  std::map<std::string, at::Tensor> values;
  const std::int64_t V = kSmallest.vocabulary, D = kSmallest.width;
  for (const auto& [name, parameter] : parameters.items()) values[name] = wave(name, parameter.sizes());
  const at::Tensor embed = wave("embed.weight", {V + 1, D});
  values["embed.weight"] = at::zeros({V + kFirstModalityId, D});
  values["embed.weight"].slice(0, kFirstModalityId).copy_(embed.slice(0, 0, V));
  values["embed.weight"][kMaskId].copy_(embed[V]);
  values["head.weight"] = at::zeros({V + kFirstModalityId, D});
  values["head.weight"].slice(0, kFirstModalityId).copy_(wave("unembed.weight", {V, D}));
  return values;
}

NoisyCanvas golden_noise(const TokenCanvas& clean) {
  const at::Tensor rows = at::arange(kSmallest.batch).unsqueeze(1), columns = at::arange(kSmallest.length).unsqueeze(0);
  const at::Tensor masked_BL = (rows + columns).remainder(3).ne(0);
  NoisyCanvas noisy{clean, at::tensor({0.25, 0.5, 0.9}, at::kFloat).unsqueeze(1).expand(clean.tokens_BL.sizes()),
                    masked_BL};
  noisy.canvas.tokens_BL = clean.tokens_BL.masked_fill(masked_BL, kMaskId);
  return noisy;
}

TEST(BenchTask, LossAndGradientAreTheReferencesAtItsWeights) {
  const auto golden = nlohmann::json::parse(read_file(kPeers / "goldens.json"));
  const CanvasSchema schema = bench_schema(kSmallest);
  Transformer transformer(bench_transformer(kSmallest), schema, RandomKey::root(0));
  transformer.parameters().load(reference_values(transformer.parameters()), "goldens");
  std::vector<Document> documents(static_cast<std::size_t>(kSmallest.batch));
  for (std::int64_t row = 0; row < kSmallest.batch; ++row) {
    const at::Tensor ids_L = (5 * at::arange(kSmallest.length) + 7 * row).remainder(kSmallest.vocabulary);
    documents[static_cast<std::size_t>(row)].roles["page"].ids_L = ids_L;
  }
  const TokenCanvas clean = build_canvas(schema, documents);
  const DiffusionLoss result = diffusion_loss(transformer, clean, golden_noise(clean), schema, bench_diffusion());
  const double loss = golden.at("loss");
  EXPECT_NEAR(result.loss.item<double>(), loss, 1e-5 * loss);
  result.loss.backward();
  for (const auto& [name, parameter] : transformer.parameters().items()) {
    const double norm = golden.at("gradient_norms").at(name == "head.weight" ? "unembed.weight" : name);
    // Some are sums of terms of order one that nearly cancel.
    EXPECT_NEAR(parameter.grad().to(at::kDouble).norm().item<double>(), norm, 1e-4 * norm + 1e-5) << name;
  }
}

TEST(BenchTask, IsAPureFunctionOfSeedAndStep) {
  const auto losses = [](std::int64_t seed) {
    BenchTask task(kSmallest, Machine{}, seed);
    return std::pair(task.loss({0}).loss.item<double>(), task.loss({1}).loss.item<double>());
  };
  EXPECT_EQ(losses(3), losses(3));
  EXPECT_NE(losses(3), losses(4));
  EXPECT_NE(losses(3).first, losses(3).second);  // fresh noise
}

TEST(BenchTask, CountsTheReferencesFlops) {
  const BenchTask task(kSmallest, Machine{}, 0);
  const double D = 32, F = 128, heads = 24 + kFirstModalityId, tokens = 3 * 12;
  const double weights = 2 * (4 * D * D + 3 * D * F) + 0.5 * heads * D;
  EXPECT_DOUBLE_EQ(task.flops_a_step(), 3 * (2 * weights + 4 * 12 * D * 2) * tokens);
}

TEST(BenchPeer, IsAskedForTheSameWork) {
  PeerRun run;
  run.preset = find_bench_preset("small");
  run.dtype = "bf16";
  run.threads = 2;
  const std::vector<std::string> arguments = peer_arguments(run);
  std::string line;
  for (const std::string& argument : arguments) line += " " + argument;
  EXPECT_EQ(
      line,
      " --preset small --length 320 --batch 16 --vocab 5632 --dtype bf16 --threads 2 --steps 10 --warmup 3 --seed 0"
      " --head masked --malloc keep --repeat 1");
  run.compiled = true;
  EXPECT_EQ(peer_arguments(run).back(), "--compile");
  run.all_rows = true;
  EXPECT_THAT(peer_arguments(run), testing::Not(testing::Contains("masked")));
}

TEST(BenchPeer, ItsRowsAreReadBetweenItsComments) {
  const std::vector<PeerRow> rows = parse_peer_rows("# torch 2.11\n{\"a\": 1250.5}\n# text\n{\"a\": 2, \"b\": 3}\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(peer_figure(rows[0], "a"), 1250.5);
  EXPECT_EQ(peer_figure(rows[1], "b"), 3);
  EXPECT_THAT(message_of<InputError>([&] { peer_figure(rows[0], "b"); }), HasSubstr("the reference: b: is not in"));
  EXPECT_THAT(message_of<InputError>([] { parse_peer_rows("# nothing\n"); }), HasSubstr("printed no row"));
}

TEST(Measure, TheMedianLiesBetweenTheEnds) {
  const Spread odd = spread_of({3, 1, 2}), even = spread_of({4, 1, 2, 3});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.low, 1);
  EXPECT_EQ(odd.high, 3);
  EXPECT_EQ(even.median, 2.5);
  EXPECT_THAT(message_of<c10::Error>([] { spread_of({}); }), HasSubstr("no figures"));
}

// A source tree whose reference is a script that prints a row.
class BenchCommand : public testing::Test {
 protected:
  static constexpr const char* kTree = "PALIMPSEST_RECIPES=experiments/recipes";
  static constexpr const char* kShort =
      "bench train --preset tiny --batch 1 --pairs 1 --steps 1 --warmup 0 --threads 1 --dtype fp32 ";

  void write_reference(const std::string& script) const {
    scratch.write("tests/bench/peers/train_step.py", "");
    scratch.write(".deps/peers/python", "#!/bin/sh\n" + script + "\n");
    fs::permissions(scratch / ".deps/peers/python", fs::perms::owner_all);
  }
  ScratchFolder scratch;
};

TEST_F(BenchCommand, TellsHowMuchFasterSeveralProcessesAre) {
  const CommandOutcome outcome = run_palimpsest(
      scratch, "bench train --preset tiny --batch 2 --pairs 1 --steps 1 --warmup 0 --dtype fp32 --processes 2 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  EXPECT_EQ(facts.at("processes"), 2);
  EXPECT_EQ(facts.at("threads_each"), 1);
  const double one = facts.at("one_process_tokens_per_second"), two = facts.at("tokens_per_second");
  EXPECT_GT(one, 0);
  EXPECT_DOUBLE_EQ(facts.at("efficiency").get<double>(), two / (2 * one));
  const double parameters = facts.at("parameters");  // gradients there and back, parameters once
  EXPECT_NEAR(facts.at("sent_bytes_a_step").get<double>() / (6 * parameters), 1, 0.01);
}

// The same of blocks in parts: their parameters twice, but for the last block once, and their gradients to one process.
TEST_F(BenchCommand, TellsWhatProcessesSendWhenBlocksLieInParts) {
  const CommandOutcome outcome =
      run_palimpsest(scratch,
                     "bench train --preset tiny --batch 2 --pairs 1 --steps 1 --warmup 0 --dtype fp32 --processes 2 "
                     "--shard-parameters --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  EXPECT_EQ(facts.at("shard_parameters"), true);
  BenchTask task(find_bench_preset("tiny"), Machine{}, 0);
  const double all = static_cast<double>(task.parameters().count());
  double blocks = 0, last = 0;
  for (std::int64_t i = 0; i < task.blocked_net()->num_blocks(); ++i) {
    last = static_cast<double>(task.blocked_net()->block_parameters(i).count());
    blocks += last;
  }
  // Of two processes a sum in one costs its owner half and the other all of it: 3/4 of 4 bytes when each owns half.
  const double expected = 6 * (all - blocks) + 2 * (2 * blocks - last) + 3 * blocks;
  EXPECT_NEAR(facts.at("sent_bytes_a_step").get<double>() / expected, 1, 0.02);
}

TEST_F(BenchCommand, TellsBothSidesAndTheirRatio) {
  write_reference("echo \"# $*\"; echo '{\"tokens/s\": 0.5, \"peak MiB\": 3}'");
  const CommandOutcome outcome = run_palimpsest(scratch, std::string(kShort) + "--json", kTree);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  for (const char* key : {"tokens_per_second", "roof_flops", "roof_fraction", "peak_bytes"}) {
    EXPECT_GT(facts.at(key).get<double>(), 0) << key;
  }
  EXPECT_EQ(facts.at("reference_tokens_per_second"), 0.5);
  EXPECT_EQ(facts.at("reference_peak_bytes"), 3 << 20);
  EXPECT_EQ(facts.at("ratio_eager"), facts.at("tokens_per_second").get<double>() / 0.5);
  EXPECT_TRUE(facts.at("ratio_compile").is_null());
  EXPECT_EQ(facts.at("preset"), "tiny");
  EXPECT_EQ(facts.at("dtype"), "fp32");
  EXPECT_EQ(facts.at("threads"), 1);
  EXPECT_EQ(facts.at("repeats"), 1);
  EXPECT_NEAR(facts.at("loss_last").get<double>(), std::log(5632.0), 2.0);  // of a net that knows nothing
}

TEST_F(BenchCommand, TellsTheCompiledReferenceBesideTheEagerOne) {
  write_reference(
      "case \"$*\" in *--compile*) echo '{\"tokens/s\": 0.25, \"peak MiB\": 9}';;"
      " *) echo '{\"tokens/s\": 0.5, \"peak MiB\": 3}';; esac");
  const CommandOutcome outcome = run_palimpsest(scratch, std::string(kShort) + "--compile --json", kTree);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  EXPECT_EQ(facts.at("reference_tokens_per_second"), 0.5);
  EXPECT_EQ(facts.at("reference_compile_tokens_per_second"), 0.25);
  EXPECT_EQ(facts.at("ratio_compile"), facts.at("tokens_per_second").get<double>() / 0.25);
  EXPECT_EQ(facts.at("reference_peak_bytes"), 3 << 20);  // of the eager one
}

// torch.compile writes C++ and compiles it: that is known before anything is measured.
TEST_F(BenchCommand, WithoutACompilerTheCompiledReferenceIsRefused) {
  write_reference("exit 9");
  const CommandOutcome none =
      run_palimpsest(scratch, std::string(kShort) + "--compile", std::string(kTree) + " CXX=no-such-compiler");
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("environment: CXX: 'no-such-compiler' is not found, and --compile needs a C++ "
                                  "compiler"));
}

TEST_F(BenchCommand, WithoutAReferenceItSaysHowToGetOneOrMeasuresAlone) {
  const CommandOutcome missing = run_palimpsest(scratch, kShort, kTree);
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr(".deps/peers/python: is missing: the references are set up by './run bench'"));
  const CommandOutcome alone = run_palimpsest(scratch, std::string(kShort) + "--alone --json", kTree);
  ASSERT_EQ(alone.code, 0) << alone.err;
  const Facts facts = Facts::parse(alone.out);
  EXPECT_GT(facts.at("tokens_per_second").get<double>(), 0);
  for (const char* key : {"reference_tokens_per_second", "reference_peak_bytes", "ratio_eager", "ratio_compile"}) {
    EXPECT_TRUE(facts.at(key).is_null()) << key;
  }
}

TEST_F(BenchCommand, SetsEachKernelBesideItsTwin) {
  const CommandOutcome outcome = run_palimpsest(
      scratch, "bench kernels --preset tiny --batch 1 --repeats 1 --documents 3 --threads 1 --dtype fp32 --json",
      kTree);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  std::set<std::string> names;
  for (const Facts& row : facts.at("kernels")) {
    names.insert(row.at("kernel").get<std::string>());
    EXPECT_GT(row.at("fused_ms").get<double>(), 0);
    EXPECT_GT(row.at("ratio").get<double>(), 0);
  }
  EXPECT_EQ(names, std::set<std::string>({"add_rms_norm", "swiglu", "rotary_attention", "rotary_attention_3_documents",
                                          "linear_cross_entropy", "adamw_average"}));
}

TEST_F(BenchCommand, RefusesWrongInput) {
  const auto expect = [this](const std::string& arguments, int code, const std::string& message) {
    const CommandOutcome outcome = run_palimpsest(scratch, "bench " + arguments, kTree);
    EXPECT_EQ(outcome.code, code) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
  };
  write_reference("exit 3");
  expect("train --preset bse", 2, "unknown preset 'bse'; did you mean 'base'?");
  expect("train --batch -1", 2, "--batch: must not be negative");
  expect("train --pairs 0", 2, "--pairs: must be at least 1");
  expect("train --device cuda", 2, "--device: must be cpu");
  expect("train --checkpoint-layers 2", 2, "--checkpoint-layers: is of this program alone");
  expect("train --processes 2 --compile", 2, "--processes: is of this program alone");
  expect("train --shard-parameters", 2, "--shard-parameters: is of several processes");
  expect("train --processes 2 --batch 3", 2, "--batch: must be divisible by --processes (2), got 3");
  expect("train --alone --compile", 2, "--compile: is the reference's");
  expect("train --alone --all-rows", 2, "--all-rows: is the reference's");
  expect("train --vocabulary -3", 2, "--vocabulary: must not be negative");
  expect("kernels --batch -1", 2, "--batch: must not be negative");
  expect("kernels --documents 0", 2, "--documents: must be at least 1");
  expect("train --batch 1 --pairs 1 --steps 1 --warmup 0 --threads 1 --dtype fp32", 1, "ended with status 3");
  expect("sample --alone --policy confidense", 2, "unknown policy 'confidense'; did you mean 'confidence'?");
  expect("sample --alone --given 0", 2, "--given: must be at least 1 for the rows with guidance");
  expect("sample --alone --steps 0", 2, "--steps: must be at least 1");
  expect("generate nothing", 2, "no such checkpoint, run or name");
  expect("start none.toml", 2, "none.toml: there is no such file");
}

TEST_F(BenchCommand, GeneratesPicturesForACaption) {
  write_checkpoint({scratch / "tiny"});
  std::string recipe = scratch.read("tiny/recipe.toml");
  const std::string own = "[sampler.roles.caption]\n", sampler = "[sampler]\n";
  ASSERT_NE(recipe.find(own), std::string::npos);
  recipe.insert(recipe.find(own) + own.size(), "guidance = 4\n");
  recipe.insert(recipe.find(sampler) + sampler.size(), "best_of = 3\n");
  scratch.write("tiny/recipe.toml", recipe);
  const CommandOutcome outcome = run_palimpsest(
      scratch, "bench generate tiny --count 2 --steps 3 --repeats 2 --device cpu --dtype fp32 --threads 1 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  EXPECT_EQ(facts.at("made"), Facts({"picture"}));
  EXPECT_EQ(facts.at("guidance"), Facts({{"caption", 4.0}}));
  EXPECT_EQ(facts.at("candidates"), 2 * 3);
  EXPECT_EQ(facts.at("steps"), 3);
  EXPECT_GT(facts.at("images_per_second").get<double>(), 0);
  EXPECT_GE(facts.at("seconds_high").get<double>(), facts.at("seconds_low").get<double>());
}

// A row of sample.py, or as much of it as is read.
std::string sampled_row(const std::string& sampler, const std::string& guidance, int step_ms, int model_ms) {
  return "echo '{\"sampler\": \"" + sampler +
         "\", \"given\": 4, \"wanted\": 8, \"ids\": 24, \"batch\": 2, \"guidance\": " + guidance +
         ", \"ms/step\": " + std::to_string(step_ms) + ", \"of it model\": " + std::to_string(model_ms) + "}'\n";
}
constexpr const char* kBenchSample =
    "bench sample --batch 2 --given 4 --wanted 8 --ids 24 --steps 2 --repeats 1 --threads 1 --dtype fp32 --json ";

TEST_F(BenchCommand, SetsSamplerStepsBesideTheReference) {
  scratch.write("tests/bench/peers/sample.py", "");
  write_reference(sampled_row("maskgit", "3.0", 1000, 600) + sampled_row("maskgit", "\"off\"", 500, 300) +
                  sampled_row("top-k", "3.0", 800, 500) + sampled_row("top-k", "\"off\"", 700, 400));
  const CommandOutcome outcome =
      run_palimpsest(scratch, std::string(kBenchSample) + "--policy confidence top-k", kTree);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  EXPECT_EQ(facts.at("vocabulary"), 4096 + 1024 + 24);
  const Facts& rows = facts.at("rows");
  ASSERT_EQ(rows.size(), 4u);
  for (const Facts& row : rows) {
    const double step = row.at("step_ms"), own = row.at("own_ms"), model = row.at("model_ms");
    EXPECT_GT(own, 0);
    EXPECT_NEAR(model + own, step, 1e-9 * step);
    EXPECT_NEAR(row.at("own_share").get<double>(), own / model, 1e-9);
    EXPECT_EQ(row.at("logits_bytes"), 4 * 2 * 8 * 24);
    EXPECT_GE(row.at("peak_over_logits").get<double>(), 0);
    const bool guided = row.at("guidance") == 3.0;
    EXPECT_EQ(row.at("reference").at("name"), row.at("policy") == "top-k" ? "sample.py top-k" : "sample.py maskgit");
    if (row.at("policy") == "top-k") continue;
    const double share = guided ? 400.0 / 600 : 200.0 / 300;
    EXPECT_NEAR(row.at("reference").at("step_ratio").get<double>(), (guided ? 1000 : 500) / step, 1e-9 * 1000 / step);
    EXPECT_NEAR(row.at("reference").at("own_share_ratio").get<double>(), own / model / share, 1e-9);
  }
}

TEST_F(BenchCommand, SetsSamplerStepsBesideDiffusersByConfidenceAlone) {
  scratch.write("tests/bench/peers/diffusers_step.py", "");
  write_reference(
      "echo '{\"given\": 4, \"wanted\": 9, \"ids\": 24, \"batch\": 1, \"guidance\": \"off\","
      " \"pipeline ms/step\": 400, \"uvit ms\": 100}'; echo '{\"train batch\": 16, \"ms/step\": 1}'");
  const auto bench = [this](const std::string& more) {
    const std::string command =
        "bench sample --batch 1 --given 4 --ids 24 --unguided --steps 1 --repeats 1 --threads 1"
        " --dtype fp32 --json ";
    return run_palimpsest(scratch, command + more, kTree);
  };
  const CommandOutcome outcome = bench("--reference diffusers --policy confidence --wanted 9");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts row = Facts::parse(outcome.out).at("rows").at(0);
  EXPECT_EQ(row.at("reference").at("name"), "diffusers_step.py");
  EXPECT_EQ(row.at("reference").at("own_share"), 3.0);
  const auto refusal = [&](const std::string& more) {
    const CommandOutcome refused = bench(more);
    EXPECT_EQ(refused.code, 2) << more;
    return refused.err;
  };
  const std::string by_confidence = "--reference diffusers --policy confidence ";
  EXPECT_THAT(refusal(by_confidence + "--wanted 10"), HasSubstr("--wanted: must be a square"));
  EXPECT_THAT(refusal(by_confidence + "--wanted 16"),
              HasSubstr("diffusers_step.py: wanted: it measured another shape than 16"));
  EXPECT_THAT(refusal("--reference diffusers"), HasSubstr("samples by confidence, not by ancestral"));
  EXPECT_THAT(refusal("--policy confidense"), HasSubstr("unknown policy 'confidense'; did you mean 'confidence'?"));
  EXPECT_THAT(refusal("--reference difusers"), HasSubstr("did you mean 'diffusers'?"));
}

TEST_F(BenchCommand, RefusesAReferenceThatMeasuredAnotherShape) {
  scratch.write("tests/bench/peers/sample.py", "");
  write_reference(
      "echo '{\"sampler\": \"maskgit\", \"given\": 4, \"wanted\": 8, \"ids\": 512, \"batch\": 2,"
      " \"guidance\": \"off\", \"ms/step\": 5, \"of it model\": 3}'");
  const CommandOutcome outcome =
      run_palimpsest(scratch, std::string(kBenchSample) + "--policy confidence --unguided", kTree);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("sample.py: ids: it measured another shape than 24"));
}

TEST(BenchSample, AsksTheReferenceForTheSameWork) {
  BenchSampleOptions options;
  options.policies = {"confidence", "min-p"};
  options.batches = {8};
  options.given = 0;
  options.wanted = 1024;
  options.ids = 32768;
  options.guided = false;
  std::string line;
  for (const std::string& argument : sample_peer_arguments(options, {})) line += " " + argument;
  EXPECT_THAT(line, HasSubstr(" --preset tiny --dtype fp32 --threads "));
  EXPECT_THAT(line, HasSubstr(" --steps 16 --caption 0 --repeat 3 --batch 8 --unguided --only image --image 1024"
                              " --ids 32768 --samplers maskgit min-p"));
  options.reference = "diffusers";
  const std::vector<std::string> beside = sample_peer_arguments(options, {});
  EXPECT_EQ(std::vector<std::string>(beside.end() - 5, beside.end()),
            (std::vector<std::string>{"--side", "32", "--codes", "32768", "--pipeline-only"}));
}

TEST_F(BenchCommand, LoadsBesideTheReference) {
  scratch.write("tests/bench/peers/load.py", "");
  write_reference(
      "echo '{\"what\": \"webdataset, 0 workers\", \"samples/s\": 2}'; "
      "echo '{\"what\": \"h5py, in order\", \"rows/s\": 4}'; "
      "echo '{\"what\": \"h5py, rows shuffled (sorted index)\", \"rows/s\": 8}'");
  const std::string sources = PALIMPSEST_SOURCE_DIR;
  const CommandOutcome outcome =
      run_palimpsest(scratch,
                     "bench load --tar " + sources + "/tests/data/emoji-tiny.tar --bpe " + sources +
                         "/tests/data/gpt2 --rows 700 --length 24 --pairs 2 --steps 1 --json",
                     kTree);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  const std::map<std::string, double> theirs{{"media", 2}, {"rows in order", 4}, {"rows shuffled", 8}};
  ASSERT_EQ(facts.at("rows").size(), 4u);
  for (const Facts& row : facts.at("rows")) {
    EXPECT_GT(row.at("ours").get<double>(), 0) << row;
    const auto found = theirs.find(row.at("what").get<std::string>());
    if (found == theirs.end()) continue;
    EXPECT_EQ(row.at("reference"), found->second);
    EXPECT_NEAR(row.at("ratio").get<double>(), row.at("ours").get<double>() / found->second, 1e-6) << row;
  }
  EXPECT_GE(facts.at("packing_fill").get<double>(), 0.97);
  EXPECT_LE(facts.at("stall").at("stall_share").get<double>(), 1.0);
}

TEST_F(BenchCommand, StartsTheProgramAsAProcess) {
  scratch.write("mine.toml", "kind = 'backbone'\n");
  const CommandOutcome outcome = run_palimpsest(scratch, "bench start mine.toml --repeats 2 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Facts facts = Facts::parse(outcome.out);
  EXPECT_GT(facts.at("help_seconds").get<double>(), 0);
  EXPECT_GT(facts.at("inspect_seconds").get<double>(), 0);
}

}  // namespace
}  // namespace palimpsest::test
