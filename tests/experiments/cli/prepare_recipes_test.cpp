// Every recipe for preparing that ships, run by the program on a tiny input of its form with the tokenizers that ship.
#include <gmock/gmock.h>
#include <hdf5.h>

#include <functional>

#include "base/recipe.h"
#include "datasets/loading/token_set.h"
#include "modalities/media/audio.h"
#include "tests/datasets/small_data.h"
#include "tests/datasets/tar_writer.h"
#include "tests/experiments/small_emoji.h"
#include "tests/modalities/media/encode_media.h"
#include "tests/support/command.h"

namespace palimpsest {
namespace {

// Writes the input, and returns the overrides that name it. Both splits get all of so few samples.
using Maker = std::function<std::string(const ScratchFolder&)>;

constexpr const char* kBothSplits = " data.splits.train.to=1.0 data.splits.held-out.from=0.0";

std::string wav() { return encode_wav({at::sin(at::arange(8'000) * 0.2), 16'000}); }

std::string make_emoji(const ScratchFolder& folder) {
  std::string overrides;
  for (const char* split : {"train", "unseen-style", "unseen-concept", "unseen-voice"}) {
    folder.write(std::string(split) + ".txt", test::first_keys(split, 2));
    overrides += std::string(" data.splits.") + split + ".keys=" + split + ".txt";
  }
  return overrides;
}

std::string make_folder(const ScratchFolder& folder) {
  for (const char* name : {"in/red", "in/blue"}) {
    folder.write(std::string(name) + ".png", grey_png(70, 90));
    folder.write(std::string(name) + ".txt", std::string("a box in ") + (name + 3));
  }
  return std::string(" data.source=in") + kBothSplits;
}

std::string make_tuxpaint(const ScratchFolder& folder) {
  folder.write("in/animals/owl.png", grey_png(5, 9));
  folder.write("in/animals/owl.txt", "An owl.\nfr.utf8=Un hibou.\n");
  folder.write("in/animals/owl_desc_fr.ogg", wav());
  return std::string(" data.source=in") + kBothSplits;
}

std::string make_asterisk(const ScratchFolder& folder) {
  folder.write("in/digits/3.wav", wav());
  folder.write("words.tsv", "file\ttranscript\ndigits/3.wav\tthree\n");
  return " data.source=in data.table=words.tsv";
}

std::string make_hdf5(const ScratchFolder& folder) {
  const hid_t file = H5Fcreate((folder / "set.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const auto write = [file](const char* name, hid_t type, const std::vector<hsize_t>& shape, const void* values) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(array);
    H5Sclose(space);
  };
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, H5T_VARIABLE);
  const std::vector<const char*> captions{"one", "two cats"};
  const std::vector<std::uint8_t> pixels(2 * 8 * 8 * 3, 90);
  write("captions", text, {2}, captions.data());
  write("images", H5T_NATIVE_UINT8, {2, 8, 8, 3}, pixels.data());
  H5Tclose(text);
  H5Fclose(file);
  return std::string(" data.source=set.h5") + kBothSplits;
}

std::string make_mnist(const ScratchFolder& folder) {
  folder.write("images-idx3-ubyte",
               std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x04\0\0\0\x04", 16) + std::string(32, 'x'));
  folder.write("labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\x03\x07", 10));
  return std::string(" data.source=images-idx3-ubyte data.idx.labels=labels-idx1-ubyte") + kBothSplits;
}

std::string make_video(const ScratchFolder& folder) {
  std::vector<at::Tensor> frames_HWC;
  for (int frame = 0; frame < 45; ++frame) frames_HWC.push_back(at::full({32, 48, 4}, 5 * frame, at::kByte));
  const std::vector<float> channel(72'000, 0.25f);
  const testing_support::Stereo sound{channel, channel, 16'000};
  folder.write("in/film.mkv", testing_support::encode_video("matroska", "mpeg4", frames_HWC, &sound));
  folder.write("in/film.txt", "it brightens");
  return std::string(" data.source=in") + kBothSplits;
}

std::string make_webdataset(const ScratchFolder& folder) {
  for (const char* name : {"a-0.tar", "a-1.tar"}) {
    write_tar(folder / name, {{"x.png", grey_png(30, 40), ""}, {"x.json", R"({"caption": "a box"})", ""}});
  }
  return std::string(" 'data.source=\"a-{0..1}.tar\"'") + kBothSplits;
}

std::string make_lines(const ScratchFolder& folder) {
  folder.write("words.txt", "one\ntwo cats\n");
  return std::string(" data.source=words.txt") + kBothSplits;
}

std::string make_fortunes(const ScratchFolder& folder) {
  folder.write("sayings", "One line.\n%\nTwo\n\tlines.\n%\n");
  return std::string(" data.source=sayings") + kBothSplits;
}

std::string make_wordnet(const ScratchFolder& folder) {
  folder.write("data.noun", "00000017 03 n 01 red_box 0 000 | a box that is red  \n");
  return std::string(" data.source=data.noun") + kBothSplits;
}

std::string make_phrases(const ScratchFolder& folder) {
  folder.write("words.txt", "one cat\n");
  return " data.source=words.txt";
}

std::string make_puzzles(const ScratchFolder&) {
  return " data.puzzles.splits.train.samples=4 data.puzzles.splits.held-out.samples=4";
}

std::string make_scenes(const ScratchFolder&) {
  return " data.scenes.splits.train.samples=3 data.scenes.splits.unseen-scene.samples=3"
         " data.scenes.splits.unseen-combination.samples=3";
}

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> known{{"arithmetic", make_puzzles},    {"asterisk", make_asterisk},
                                                  {"brackets", make_puzzles},      {"emoji4", make_emoji},
                                                  {"emoji4-varied", make_emoji},   {"folder", make_folder},
                                                  {"fortunes", make_fortunes},     {"hdf5", make_hdf5},
                                                  {"mnist", make_mnist},           {"phrases", make_phrases},
                                                  {"records", make_puzzles},       {"scenes", make_scenes},
                                                  {"sudoku", make_puzzles},        {"text", make_lines},
                                                  {"tuxpaint", make_tuxpaint},     {"video", make_video},
                                                  {"webdataset", make_webdataset}, {"wordnet", make_wordnet}};
  return known;
}

std::vector<std::string> shipped_recipes() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(PALIMPSEST_SOURCE_DIR) /
                                                               "experiments/recipes/prepare"))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class EveryPrepareRecipe : public testing::TestWithParam<std::string> {};

TEST_P(EveryPrepareRecipe, RunsOnAnInputOfItsForm) {
  ASSERT_TRUE(makers().contains(GetParam())) << "a recipe without a test input";
  const ScratchFolder folder;
  const std::string overrides = makers().at(GetParam())(folder) + " data.speech.cache=speech";
  const CommandOutcome outcome = run_palimpsest(folder, "prepare " + GetParam() + " --out out --json" + overrides);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  ASSERT_FALSE(report.empty());
  for (const auto& [split, counts] : report.items()) {
    EXPECT_GT(counts.at("kept").get<std::int64_t>(), 0) << split;
    EXPECT_EQ(counts.at("failed"), 0) << split << folder.read("out/ledger.jsonl");
    EXPECT_EQ(open_token_set(folder / "out", split)->rows(), counts.at("kept").get<std::int64_t>()) << split;
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryPrepareRecipe, testing::ValuesIn(shipped_recipes()), [](const auto& named) {
  std::string name = named.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace palimpsest
