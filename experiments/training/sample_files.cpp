#include "experiments/training/sample_files.h"

#include <array>
#include <cstdio>

#include "base/files.h"
#include "modalities/media/audio.h"
#include "modalities/media/contact_sheet.h"
#include "modalities/media/files.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

std::string numbered(const char* format, std::int64_t number) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), format, static_cast<long long>(number));
  return text.data();
}

void save_roles(const std::map<std::string, Media>& roles, const fs::path& stem) {
  for (const auto& [role, media] : roles) save_media(media, fs::path(stem) += role);
}

std::vector<Image> pictures_made(const TaskSamples& samples) {
  std::vector<Image> pictures;
  for (const TaskSamples::Item& item : samples.items) {
    for (const auto& [role, media] : item.made) {
      const auto* picture = std::get_if<Image>(&media);
      const bool fits = picture && (pictures.empty() || picture->pixels_HWC.sizes() == pictures[0].pixels_HWC.sizes());
      if (fits) pictures.push_back(*picture);
    }
  }
  return pictures;
}

Image sheet_of(const std::vector<Image>& pictures) {
  const std::int64_t scale = std::max<std::int64_t>(1, 128 / pictures.front().pixels_HWC.size(0));
  return contact_sheet(pictures, {.columns = 8, .scale = scale, .gap = 6});
}

// A line an item: what was given, and what was written for it. Markdown, which TensorBoard shows.
std::string words_of(const TaskSamples& samples) {
  std::string lines;
  for (const TaskSamples::Item& item : samples.items) {
    std::string given, made;
    for (const auto& [role, media] : item.given) {
      if (const auto* text = std::get_if<Text>(&media)) given += text->utf8 + " ";
    }
    for (const auto& [role, media] : item.made) {
      if (const auto* text = std::get_if<Text>(&media)) made += text->utf8 + " ";
    }
    if (!made.empty()) lines += "- " + (given.empty() ? "" : given + "→ ") + made + "\n";
  }
  return lines;
}

const Audio* first_sound(const TaskSamples& samples) {
  for (const TaskSamples::Item& item : samples.items) {
    for (const auto& [role, media] : item.made) {
      const auto* audio = std::get_if<Audio>(&media);
      if (audio && audio->samples_N.numel() > 0) return audio;
    }
  }
  return nullptr;
}

}  // namespace

fs::path sample_path(const fs::path& run, std::int64_t step) { return run / "samples" / numbered("step-%08lld", step); }

void write_samples(const fs::path& directory, const std::vector<TaskSamples>& samples) {
  fs::create_directories(directory.parent_path());
  AtomicDirectory whole(directory);
  for (const TaskSamples& task : samples) {
    const fs::path folder = whole.working() / task.name;
    fs::create_directories(folder);
    for (std::size_t i = 0; i < task.items.size(); ++i) {
      const std::string number = numbered("%02lld-", static_cast<std::int64_t>(i));
      save_roles(task.items[i].given, folder / (number + "given-"));
      save_roles(task.items[i].made, folder / (number + "made-"));
    }
    const std::vector<Image> pictures = pictures_made(task);
    if (!pictures.empty()) save_png(sheet_of(pictures), folder / "sheet.png");
  }
  whole.commit();
}

void show_samples(TensorBoardWriter& events, const std::vector<TaskSamples>& samples, std::int64_t step) {
  for (const TaskSamples& task : samples) {
    const std::vector<Image> pictures = pictures_made(task);
    if (!pictures.empty()) {
      const Image sheet = sheet_of(pictures);
      events.image("samples/" + task.name, {encode_png(sheet), sheet.pixels_HWC.size(0), sheet.pixels_HWC.size(1)},
                   step);
    }
    if (const Audio* sound = first_sound(task)) {
      events.audio("samples/" + task.name, {encode_wav(*sound), sound->sample_rate, sound->samples_N.numel()}, step);
    }
    if (const std::string words = words_of(task); !words.empty()) events.text("samples/" + task.name, words, step);
  }
  events.flush();
}

}  // namespace palimpsest
