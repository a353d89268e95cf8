#include "tokenizers/text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "base/random.h"
#include "tokenizers/text/bpe_trainer.h"
#include "tokenizers/text/byte_alphabet.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kGpt2 = fs::path(PALIMPSEST_SOURCE_DIR) / "tests/data/gpt2";

fs::path bpe_scratch(const std::string& name) {
  const fs::path path = fs::path(testing::TempDir()) / ("palimpsest_bpe_" + name);
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

std::string random_bytes(RandomKey key, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(key.below(256, i));
  return bytes;
}

BytePairTokenizer small_tokenizer() {
  return BytePairTokenizer(
      train_bpe({"red apple", "green apple", "grinning face", "red heart", "face with tears"}, {.vocabulary = 320}));
}

TEST(ByteAlphabet, SpellsEveryByteAndComesBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(unspell_bytes(spell_bytes(all)), all);
  EXPECT_EQ(spell_bytes(" a\n"),
            "\xC4\xA0"
            "a"
            "\xC4\x8A");
  EXPECT_THROW(unspell_bytes("\xE4\xB8\x80"), InputError);
}

TEST(Gpt2Pretokenizer, CutsAsThePatternSays) {
  const Gpt2Pretokenizer pretokenizer;
  EXPECT_THAT(pretokenizer.split("I'll pay  12 dollars!? \n"),
              testing::ElementsAre("I", "'ll", " pay", " ", " 12", " dollars", "!?", " \n"));
  EXPECT_THAT(pretokenizer.split("a\xFF\xFE b"), testing::ElementsAre("a", "\xFF", "\xFE", " b"));
  EXPECT_TRUE(pretokenizer.split("").empty());
}

TEST(BytePairTokenizer, AnyBytesComeBackExactly) {
  const BytePairTokenizer own = small_tokenizer();
  const BytePairTokenizer gpt2(read_gpt2_table(kGpt2));
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const RandomKey key = RandomKey::root(7).fold(trial);
    const std::string bytes = random_bytes(key, key.fold("size").below(60, 0));
    EXPECT_EQ(own.decode_bytes(own.encode_bytes(bytes)), bytes);
    EXPECT_EQ(gpt2.decode_bytes(gpt2.encode_bytes(bytes)), bytes);
  }
}

TEST(BytePairTokenizer, MediaComesBackExactlyAndTellsOtherKindsApart) {
  const BytePairTokenizer tokenizer = small_tokenizer();
  const std::vector<Media> texts{Text{"red apple"}, Text{""}, Text{"\xF0\x9F\x8D\x8E caf\xC3\xA9\n\t x"}};
  const std::vector<Codes> codes = tokenizer.encode(texts);
  const std::vector<Media> back = tokenizer.decode(codes);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(std::get<Text>(back[i]).utf8, std::get<Text>(texts[i]).utf8);
    EXPECT_EQ(codes[i].layout.modality, "text");
    EXPECT_EQ(codes[i].layout.length(), codes[i].ids_L.size(0));
    EXPECT_TRUE(at::equal(tokenizer.encode({texts[i]})[0].ids_L, codes[i].ids_L));
  }
  EXPECT_LT(codes[0].ids_L.size(0), 9);
  EXPECT_THROW(tokenizer.encode({Image{at::zeros({2, 2, 3}, at::kByte)}}), InputError);
}

TEST(BytePairTokenizer, BrokenUtf8IsReadWithReplacements) {
  const BytePairTokenizer tokenizer(byte_table());
  const at::Tensor ids = at::tensor({0x61, 0xC3, 0x62, 0xE2, 0x82}, at::kLong);
  EXPECT_EQ(std::get<Text>(tokenizer.decode({{ids, text_layout(5)}})[0]).utf8,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_THROW(tokenizer.decode({{at::tensor({256}, at::kLong), text_layout(1)}}), c10::Error);
}

TEST(BytePairTokenizer, ALongRunOfOneLetterIsMergedInTime) {
  const BytePairTokenizer gpt2(read_gpt2_table(kGpt2));
  const std::string run(200'000, 'a');
  EXPECT_EQ(gpt2.decode_bytes(gpt2.encode_bytes(run)), run);
}

// The goldens were written by Hugging Face's tokenizers: make_goldens.py beside this file.
TEST(BytePairTokenizer, AgreesWithItsPythonTwinOnGpt2) {
  const BytePairTokenizer gpt2(read_gpt2_table(kGpt2));
  const nlohmann::json goldens = nlohmann::json::parse(read_file(kGpt2 / "goldens.json"));
  ASSERT_GT(goldens.size(), 500U);
  for (const auto& golden : goldens) {
    const auto text = golden["text"].get<std::string>();
    EXPECT_EQ(gpt2.encode_bytes(text), golden["ids"].get<std::vector<std::int64_t>>())
        << golden["text"].dump(-1, ' ', true);
  }
}

TEST(TrainBpe, MergesTheMostFrequentPairFirstAndTheSmallerOfEquals) {
  // "ab" three times, "cd" and "ce" twice each: of these equals "cd" has the smaller ids.
  const BytePairTable table = train_bpe({"ab", "ab", "ab", "cd", "cd", "ce", "ce", "xy"}, {.vocabulary = 300});
  const std::vector<std::pair<std::int64_t, std::int64_t>> expected{{'a', 'b'}, {'c', 'd'}, {'c', 'e'}};
  EXPECT_EQ(table.merges, expected);
  EXPECT_EQ(table.bytes_of_id.size(), 259U);
}

TEST(TrainBpe, TheOrderOfTextsDoesNotMatterAndOverlapsAreCountedRight) {
  const std::vector<std::string> texts{"aaaa banana", "banana bandana", "aaaaa", "an aardvark and a banana"};
  const std::vector<std::string> reversed(texts.rbegin(), texts.rend());
  const BytePairTable one = train_bpe(texts, {.vocabulary = 290}), two = train_bpe(reversed, {.vocabulary = 290});
  EXPECT_EQ(one.merges, two.merges);
  EXPECT_EQ(one.bytes_of_id, two.bytes_of_id);
  const BytePairTokenizer tokenizer(one);
  for (const std::string& text : texts) EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode_bytes(text)), text);
}

TEST(TrainBpe, RefusesTooSmallAVocabulary) { EXPECT_THROW(train_bpe({"a"}, {.vocabulary = 255}), InputError); }

TEST(Gpt2Files, WhatIsWrittenIsReadBack) {
  const fs::path folder = bpe_scratch("write");
  const BytePairTokenizer tokenizer = small_tokenizer();
  tokenizer.save(folder);
  const BytePairTable table = read_gpt2_table(folder);
  EXPECT_EQ(table.bytes_of_id, tokenizer.table().bytes_of_id);
  EXPECT_EQ(table.merges, tokenizer.table().merges);
}

TEST(Gpt2Files, ErrorsNameFileAndPlace) {
  const fs::path folder = bpe_scratch("errors");
  small_tokenizer().save(folder);
  const auto message = [&] {
    try {
      read_gpt2_table(folder);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  write_file_atomically(folder / "merges.txt", "#version: 0.2\nr e\nqq zz\n");
  EXPECT_THAT(message(), HasSubstr("merges.txt:3"));
  write_file_atomically(folder / "vocab.json", "{\"a\": 0, \"b\": 5}");
  EXPECT_THAT(message(), HasSubstr("ids must be 0 to the number of tokens"));
  write_file_atomically(folder / "vocab.json", "not json");
  EXPECT_THAT(message(), HasSubstr("vocab.json"));
}

}  // namespace
}  // namespace palimpsest
