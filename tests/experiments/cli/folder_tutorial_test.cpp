// The README's chapter about one's own folder, typed as it stands there (with settings that make it small).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/small_emoji.h"
#include "tests/support/command.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::size_t kPictures = 40;

// The commands of the first code block after a heading of the README, those of ./run left out.
std::vector<std::string> readme_commands(const std::string& heading) {
  const std::string text = read_file(kSource / "README.md");
  const std::size_t chapter = text.find("## " + heading);
  EXPECT_NE(chapter, std::string::npos) << heading;
  const std::size_t begin = text.find("```\n", chapter) + 4, end = text.find("```", begin);
  std::istringstream lines(text.substr(begin, end - begin));
  std::vector<std::string> commands;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("build/palimpsest ")) commands.push_back(line.substr(std::string("build/palimpsest ").size()));
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
    return run_command(folder,
                       std::string(PALIMPSEST_PROGRAM) + " " + arguments + " --threads 1 --dtype fp32 --device cpu");
  }

  ScratchFolder folder;
};

TEST_F(FolderTutorial, EveryCommandOfTheReadmeWorks) {
  std::vector<std::string> commands = readme_commands("On your own pictures and captions");
  ASSERT_EQ(commands.size(), 4u);
  commands[0] += small_data_settings() + small_tokenizer_settings() +
                 " tokenizers.caption.max_tokens=80 tokenizers.speech.max_tokens=160";
  replace(commands[1], "--fit-seconds 1800", "--steps 4");
  commands[1] += small_training_settings() + small_tokenizer_settings();
  replace(commands[2], "--count 8", "--count 2 --steps 3");
  for (const std::string& command : commands) {
    const CommandOutcome outcome = run(command);
    ASSERT_EQ(outcome.code, 0) << command << "\n" << outcome.err;
  }
  for (const char* file : {"data/mine/ledger.jsonl", "runs/mine/recipe.toml", "out/picture-001.png",
                           "out/speech-001.wav", "out/caption-000.txt"}) {
    EXPECT_TRUE(fs::exists(folder / file)) << file;
  }
  EXPECT_THAT(folder.read("data/mine/ledger.jsonl"), HasSubstr("\"kept\""));
}

}  // namespace
}  // namespace palimpsest::test
