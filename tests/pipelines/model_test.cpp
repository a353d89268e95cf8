// Opening checkpoints: found by directory, run or name; refused with the missing or unfitting part named.
#include "pipelines/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/safetensors.h"
#include "tests/pipelines/tiny_checkpoint.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

MachineOptions on_cpu() {
  MachineOptions options;
  options.device = "cpu";
  options.dtype = ComputeType::kFp32;
  options.threads = 1;
  return options;
}

at::Tensor weight(const Model& model) { return model.denoiser->parameters().items().front().second; }

TEST(LoadModel, OpensWhatTrainingWrote) {
  const ScratchFolder scratch;
  write_checkpoint({scratch / "tiny"});
  const Model model = load_model((scratch / "tiny").string(), on_cpu());
  EXPECT_EQ(model.schema.length(), 24);
  EXPECT_EQ(model.schema.role(0).name, "caption");
  EXPECT_TRUE(model.schema.role(0).elastic);
  EXPECT_EQ(model.tokenizers.size(), 3u);
  const Transformer same(recipe_options<TransformerOptions>(model.recipe, "backbone"), model.schema,
                         RandomKey::root(0));
  EXPECT_FALSE(weight(model).requires_grad());
  const TensorFile written = read_safetensors(scratch / "tiny" / "model.safetensors");
  for (const auto& [name, value] : model.denoiser->parameters().items()) {
    EXPECT_TRUE(at::equal(value, written.tensors.at(name))) << name;
  }
}

TEST(LoadModel, ReadsBf16AndPrefersTheAverage) {
  const ScratchFolder scratch;
  write_checkpoint({scratch / "full"});
  write_checkpoint({scratch / "half", c10::ScalarType::BFloat16});
  const at::Tensor full = weight(load_model((scratch / "full").string(), on_cpu()));
  EXPECT_TRUE(
      at::equal(weight(load_model((scratch / "half").string(), on_cpu())), full.to(at::kBFloat16).to(at::kFloat)));
  TensorFile average = read_safetensors(scratch / "full" / "model.safetensors");
  for (auto& [name, value] : average.tensors) value = value * 0.5;
  write_safetensors(scratch / "full" / "ema.safetensors", average);
  EXPECT_TRUE(at::equal(weight(load_model((scratch / "full").string(), on_cpu())), full * 0.5));
}

TEST(ResolveCheckpoint, TakesTheNewestOfARun) {
  const ScratchFolder scratch;
  for (const char* step : {"step-00000900", "step-00001000", "step-00001000.new", "step-x"}) {
    fs::create_directories(scratch / "run" / "checkpoints" / step);
  }
  EXPECT_EQ(resolve_checkpoint((scratch / "run").string()).filename(), "step-00001000");
  EXPECT_EQ(resolve_checkpoint((scratch / "run/checkpoints/step-00000900").string()).filename(), "step-00000900");
  fs::create_directories(scratch / "young" / "checkpoints");
  EXPECT_THAT(message_of<InputError>([&] { resolve_checkpoint((scratch / "young").string()); }),
              HasSubstr("the run has no checkpoint yet"));
}

TEST(ResolveCheckpoint, NamesWhatIsNotThere) {
  EXPECT_THAT(message_of<InputError>([&] { resolve_checkpoint("no-such-thing"); }),
              HasSubstr("no-such-thing: no such checkpoint"));
  const ScratchFolder scratch;
  scratch.write("file", "text");
  EXPECT_THAT(message_of<InputError>([&] { resolve_checkpoint((scratch / "file").string()); }), HasSubstr("is a file"));
}

std::string refusal(const fs::path& checkpoint) {
  return message_of<InputError>([&] { load_model(checkpoint.string(), on_cpu()); });
}

TEST(LoadModel, NamesThePartThatIsMissing) {
  for (const char* part : {"recipe.toml", "state.json", "model.safetensors", "tokenizers", "tokenizers/speech"}) {
    const ScratchFolder scratch;
    write_checkpoint({scratch / "tiny"});
    fs::remove_all(scratch / "tiny" / part);
    EXPECT_THAT(refusal(scratch / "tiny"), HasSubstr(std::string(part) + ": is missing")) << part;
  }
}

TEST(LoadModel, NamesTheTensorThatDoesNotFit) {
  const ScratchFolder scratch;
  write_checkpoint({scratch / "tiny"});
  const fs::path file = scratch / "tiny" / "model.safetensors";
  const TensorFile whole = read_safetensors(file);
  TensorFile broken = whole;
  broken.tensors.erase("embed.weight");
  write_safetensors(file, broken);
  EXPECT_THAT(refusal(scratch / "tiny"), testing::AllOf(HasSubstr("model.safetensors"), HasSubstr("embed.weight")));
  broken = whole;
  broken.tensors["embed.weight"] = at::zeros({3, 3});
  write_safetensors(file, broken);
  EXPECT_THAT(refusal(scratch / "tiny"), HasSubstr("embed.weight"));
  const std::string bytes = read_file(file);
  write_file_atomically(file, bytes.substr(0, bytes.size() - 7));
  EXPECT_THAT(refusal(scratch / "tiny"), HasSubstr("model.safetensors"));
}

std::string schema_refusal(const CanvasOptions& options) {
  return message_of<InputError>([&] { make_schema(options, untrained_tokenizers(), "r.toml"); });
}

TEST(MakeSchema, NamesTheRoleThatDoesNotFit) {
  EXPECT_THAT(schema_refusal({{}, {}}), HasSubstr("r.toml: canvas.roles: must declare at least one role"));
  EXPECT_THAT(schema_refusal({{}, {{"motion", {4, false}}}}), HasSubstr("canvas.roles.motion: has no tokenizer"));
  EXPECT_THAT(schema_refusal({{}, {{"picture", {3, false}}}}), HasSubstr("canvas.roles.picture.bound"));
  EXPECT_THAT(schema_refusal({{}, {{"picture", {0, false}}}}), HasSubstr("must be at least 1, got 0"));
  EXPECT_THAT(schema_refusal({{"pictures"}, {{"picture", {4, false}}}}), HasSubstr("did you mean 'picture'"));
  EXPECT_THAT(schema_refusal({{"picture", "picture"}, {{"picture", {4, false}}}}),
              HasSubstr("names role 'picture' twice"));
  EXPECT_THAT(schema_refusal({{"picture"}, {{"picture", {4, false}}, {"caption", {4, true}}}}),
              HasSubstr("leaves out role 'caption'"));
}

TEST(MakeSchema, SharesTheIdsOfAModalityAndRefusesUnequalOnes) {
  Tokenizers tokenizers = untrained_tokenizers();
  tokenizers["title"] = tokenizers.at("caption");
  const CanvasOptions options{{"title", "caption"}, {{"title", {4, true}}, {"caption", {6, true}}}};
  const CanvasSchema schema = make_schema(options, tokenizers, "r.toml");
  EXPECT_EQ(schema.vocabulary().num_modalities(), 1);
  EXPECT_EQ(schema.length(), 10);
  BytePairTable table = byte_table();
  table.merges.push_back({97, 98});
  table.bytes_of_id.push_back(table.bytes_of_id[97] + table.bytes_of_id[98]);
  tokenizers["title"] = std::make_shared<BytePairTokenizer>(table);
  EXPECT_THAT(message_of<InputError>([&] { make_schema(options, tokenizers, "r.toml"); }),
              HasSubstr("canvas.roles.caption: its tokenizer has other ids than another role of modality 'text'"));
}

}  // namespace
}  // namespace palimpsest::test
