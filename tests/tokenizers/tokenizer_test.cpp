#include "tokenizers/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"
#include "tokenizers/make.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

fs::path scratch(const std::string& name) {
  const fs::path path = fs::path(testing::TempDir()) / ("palimpsest_tokenizer_" + name);
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

std::unique_ptr<TrainableTokenizer> make(const std::string& kind, const std::string& options, std::uint64_t seed = 1) {
  return make_trainable({kind, toml::parse(options), "recipe.toml", "tokenizer.options"}, RandomKey::root(seed));
}

constexpr char kTinyImage[] = "size = 16\nwidths = [8, 12]\nhidden = [8, 12]";
constexpr char kTinySpeech[] = "widths = [8, 12]\nhidden = [8, 12]\ngriffin_lim.iterations = 2";

template <class Call>
std::string tokenizer_error(const Call& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(LoadTokenizer, EveryKindComesBackAsItWasSaved) {
  const at::Tensor samples = 0.1 * normal(RandomKey::root(1), {6000});
  const std::map<std::string, std::pair<std::string, Media>> cases{
      {"bpe", {"", Text{"red apple \xF0\x9F\x8D\x8E"}}},
      {"fsq-image", {kTinyImage, Image{(at::sigmoid(normal(RandomKey::root(2), {16, 16, 3})) * 255).to(at::kByte)}}},
      {"speech-codec", {kTinySpeech, Audio{samples, 16'000}}}};
  for (const auto& [kind, given] : cases) {
    const fs::path folder = scratch(kind), again = scratch(kind + "_again");
    auto made = make(kind, given.first);
    if (kind == "bpe") made->observe({Text{"red apple red apple"}});
    made->save(folder);
    const auto loaded = load_tokenizer(folder);
    EXPECT_EQ(loaded->kind(), kind);
    EXPECT_EQ(loaded->space().size(), made->space().size());
    loaded->save(again);
    EXPECT_EQ(tokenizer_fingerprint(folder), tokenizer_fingerprint(again)) << kind;
    // What is saved is rounded to bf16 once; from then on ids are those of the saved weights.
    const auto twice = load_tokenizer(again);
    EXPECT_TRUE(at::equal(loaded->encode({given.second})[0].ids_L, twice->encode({given.second})[0].ids_L)) << kind;
  }
}

TEST(TokenizerFingerprint, ChangesWithWeightsAndSettings) {
  const fs::path one = scratch("one"), two = scratch("two"), three = scratch("three");
  make("fsq-image", kTinyImage, 1)->save(one);
  make("fsq-image", kTinyImage, 2)->save(two);
  make("fsq-image", std::string(kTinyImage) + "\nlevels = [8, 8, 5, 8]", 1)->save(three);
  EXPECT_NE(tokenizer_fingerprint(one), tokenizer_fingerprint(two));
  EXPECT_NE(tokenizer_fingerprint(one), tokenizer_fingerprint(three));
  EXPECT_EQ(tokenizer_fingerprint(one).size(), 16U);
}

TEST(LoadTokenizer, ErrorsNameTheThing) {
  const fs::path folder = scratch("errors");
  EXPECT_THAT(tokenizer_error([&] { load_tokenizer(folder / "none"); }), HasSubstr("is not a tokenizer's directory"));
  EXPECT_THAT(tokenizer_error([&] { load_tokenizer(folder); }),
              HasSubstr("holds neither tokenizer.json nor vocab.json"));
  make("fsq-image", kTinyImage)->save(folder);
  const std::string settings = read_file(folder / "tokenizer.json");
  const auto with = [&](const std::string& text) {
    write_file_atomically(folder / "tokenizer.json", text);
    return tokenizer_error([&] { load_tokenizer(folder); });
  };
  EXPECT_THAT(with("{"), HasSubstr("tokenizer.json"));
  EXPECT_THAT(with(R"({"kind": "fsq-imag", "options": {}})"), HasSubstr("did you mean 'fsq-image'"));
  EXPECT_THAT(with(R"({"kind": "fsq-image", "options": {"widhts": [8]}})"), HasSubstr("did you mean 'widths'"));
  EXPECT_THAT(with(R"({"kind": "fsq-image", "options": {}})"),
              HasSubstr("model.safetensors"));  // weights of another size
  EXPECT_THAT(with(R"({"kind": "speech-codec", "options": {}})"), HasSubstr("model.safetensors"));
  EXPECT_EQ(with(settings), "no error");
  fs::remove(folder / "model.safetensors");
  EXPECT_THAT(tokenizer_error([&] { load_tokenizer(folder); }), HasSubstr("model.safetensors"));
}

TEST(TokenizerRequest, ReadsARecipesTable) {
  const toml::table table = toml::parse("kind = 'bpe'\noptions.vocabulary = 300");
  const TokenizerRequest request = tokenizer_request(table, "recipe.toml");
  EXPECT_EQ(request.kind, "bpe");
  auto made = make_trainable(request, RandomKey::root(1));
  made->observe({Text{"hello hello hello"}});
  EXPECT_LT(made->loss({Text{"hello"}}, RandomKey::root(1)).figures.at("ids_per_byte"), 0.5);
  EXPECT_THAT(tokenizer_error([] { tokenizer_request(toml::parse("kind = 'bpe'\noption.x = 1"), "r.toml"); }),
              HasSubstr("did you mean 'options'"));
  EXPECT_THAT(tokenizer_error([] { tokenizer_request(toml::parse("options.x = 1"), "r.toml"); }),
              HasSubstr("tokenizer.kind: is missing"));
  EXPECT_THAT(tokenizer_error([] { make("bpe", "vocabulary = 'many'"); }),
              HasSubstr("recipe.toml: tokenizer.options.vocabulary: must be a whole number"));
}

}  // namespace
}  // namespace palimpsest
