// The tutorial about one's own folder, typed as it stands there (with settings that make it small).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/small_emoji.h"
#include "tests/support/command.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::size_t kPictures = 40;

// The program's commands in all code blocks of a page, in their order; those of ./run left out.
std::vector<std::string> commands_of(const std::string& page) {
  std::istringstream lines(read_file(kSource / page));
  std::vector<std::string> commands;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) inside = !inside;
    if (inside && line.starts_with("build/palimpsest "))
      commands.push_back(line.substr(std::string("build/palimpsest ").size()));
  }
  return commands;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from << " is not in: " << text;
  text.replace(at, from.size(), to);
}

class FolderTutorial : public testing::Test {
 protected:
  FolderTutorial() {
    save_tokenizers(folder);
    DataOptions data = recipe_options<DataOptions>(
        load_recipe((kSource / "experiments/recipes/prepare/emoji4.toml").string(), "prepare"), "data");
    data.splits["train"].keys = folder.write("keys.txt", first_keys("train", kPictures)).string();
    for (const Sample& sample : load_media_set(data, "train", {"caption", "picture"})) {
      fs::create_directories(folder / "my/pictures");
      for (const auto& [role, media] : sample.roles) save_media(media, folder / ("my/pictures/" + sample.key));
    }
    save_png({at::full({30, 40, 3}, 90, at::kByte)}, folder / "apple.png");
  }

  CommandOutcome run(const std::string& arguments) const {
    const std::string machine = arguments.starts_with("inspect ") ? "" : " --threads 1 --dtype fp32 --device cpu";
    return run_command(folder, std::string(PALIMPSEST_PROGRAM) + " " + arguments + machine);
  }

  ScratchFolder folder;
};

TEST_F(FolderTutorial, EveryCommandOfThePageWorks) {
  std::vector<std::string> commands = commands_of("docs/tutorial.md");
  ASSERT_EQ(commands.size(), 6u);
  commands[0] += small_data_settings() + small_tokenizer_settings() +
                 " tokenizers.caption.max_tokens=80 tokenizers.speech.max_tokens=160";
  replace(commands[2], "--probe 4", "--probe 1");
  replace(commands[3], "--fit-seconds 1800", "--steps 4");
  for (std::size_t i : {2, 3}) {
    commands[i] +=
        small_training_settings() + small_tokenizer_settings() +
        " data.tasks='[\"caption -> picture\"]' training.sample_every=4 training.sample_count=1 sampler.steps=2";
  }
  replace(commands[4], "--count 8", "--count 2 --steps 3");
  for (const std::string& command : commands) {
    const CommandOutcome outcome = run(command);
    ASSERT_EQ(outcome.code, 0) << command << "\n" << outcome.err;
  }
  for (const char* file : {"data/mine/ledger.jsonl", "runs/mine/recipe.toml", "runs/mine/report.html",
                           "runs/mine/samples/step-00000004/caption-to-picture/sheet.png", "out/picture-001.png",
                           "out/speech-001.wav", "out/caption-000.txt"}) {
    EXPECT_TRUE(fs::exists(folder / file)) << file;
  }
  EXPECT_THAT(folder.read("data/mine/ledger.jsonl"), HasSubstr("\"kept\""));
}

TEST(FolderTutorialPage, HoldsTheCommandsOfTheReadme) {
  const std::string readme = read_file(kSource / "README.md");
  const std::size_t chapter = readme.find("## On your own pictures and captions");
  ASSERT_NE(chapter, std::string::npos);
  std::istringstream block(readme.substr(readme.find("```\n", chapter) + 4));
  const std::string page = read_file(kSource / "docs/tutorial.md");
  int commands = 0;
  for (std::string line; std::getline(block, line) && line != "```"; ++commands) EXPECT_THAT(page, HasSubstr(line));
  EXPECT_GE(commands, 4);
}

}  // namespace
}  // namespace palimpsest::test
