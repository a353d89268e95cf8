#include "experiments/evaluation/recogniser.h"

#include <sstream>

#include "base/child_process.h"
#include "base/errors.h"
#include "base/files.h"
#include "experiments/evaluation/ngrams.h"
#include "modalities/media/audio.h"

namespace palimpsest {

namespace {

constexpr const char* kProgram = "pocketsphinx_batch";
constexpr const char* kModelFolder =
    "/usr/share/pocketsphinx/model/en-us";    // where Debian's pocketsphinx-en-us puts it
constexpr std::int64_t kSampleRate = 16'000;  // of that model
constexpr std::int64_t kWavHeaderBytes = 44;
constexpr const char* kDigits[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// "old(2) OW L D" is a variant of "old".
std::string headword(const std::string& line) { return line.substr(0, line.find_first_of("( ")); }

std::map<std::string, std::string> read_pronunciations(const std::filesystem::path& path) {
  std::map<std::string, std::string> lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) lines[headword(line)] += line + "\n";
  return lines;
}

std::string grammar_of(const std::vector<std::string>& sentences) {
  std::string text = "#JSGF V1.0;\ngrammar captions;\npublic <caption> = ";
  for (std::size_t i = 0; i < sentences.size(); ++i) text += (i ? "\n  | " : "") + sentences[i];
  return text + ";\n";
}

std::string sound_name(std::size_t index) { return "sound" + std::to_string(index); }

void write_sounds(const std::vector<Audio>& sounds, const std::filesystem::path& folder) {
  std::string list;
  for (std::size_t i = 0; i < sounds.size(); ++i) {
    TORCH_CHECK(sounds[i].sample_rate == kSampleRate, "recognise: sounds must have 16000 Hz, got ",
                sounds[i].sample_rate);
    save_wav(sounds[i], folder / (sound_name(i) + ".wav"));
    list += sound_name(i) + "\n";
  }
  write_file_atomically(folder / "list", list);
}

// Lines are "sentence (sound3 -1931)"; a sound in which nothing was heard has an empty sentence.
std::map<std::string, std::string> read_hypotheses(const std::filesystem::path& path) {
  std::map<std::string, std::string> heard;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) {
    const std::size_t open = line.rfind('(');
    if (open == std::string::npos) continue;
    const std::string sentence = line.substr(0, open), tail = line.substr(open + 1);
    heard[tail.substr(0, tail.find(' '))] = sentence.substr(0, sentence.find_last_not_of(' ') + 1);
  }
  return heard;
}

}  // namespace

std::vector<std::string> spoken_words(std::string_view caption) {
  std::vector<std::string> spoken;
  for (const std::string& word : words_of(caption)) {
    std::string letters;
    for (const char byte : word) {
      if (byte < '0' || byte > '9') {
        letters.push_back(byte);
        continue;
      }
      if (!letters.empty()) spoken.push_back(std::exchange(letters, ""));
      spoken.emplace_back(kDigits[byte - '0']);
    }
    if (!letters.empty()) spoken.push_back(letters);
  }
  return spoken;
}

Recogniser::Recogniser() : program_(find_program(kProgram)), model_(kModelFolder) {
  const std::filesystem::path dictionary = model_ / "cmudict-en-us.dict";
  if (program_.empty()) throw InputError(kProgram, "", "not found; install the Debian package pocketsphinx");
  if (!std::filesystem::exists(dictionary)) {
    throw InputError(dictionary.string(), "", "not found; install the Debian package pocketsphinx-en-us");
  }
  pronunciations_ = read_pronunciations(dictionary);
}

bool Recogniser::knows(std::string_view caption) const {
  const auto words = spoken_words(caption);
  return !words.empty() &&
         std::all_of(words.begin(), words.end(), [&](const auto& word) { return pronunciations_.contains(word); });
}

std::vector<std::optional<std::size_t>> Recogniser::recognise(const std::vector<Audio>& sounds,
                                                              const std::vector<std::string>& candidates) const {
  std::map<std::string, std::size_t> index_of;
  std::vector<std::string> sentences;
  std::map<std::string, std::string> dictionary;
  for (const std::string& candidate : candidates) {
    TORCH_CHECK(knows(candidate), "recognise: a word of '", candidate, "' is not in the dictionary");
    const auto words = spoken_words(candidate);
    sentences.push_back(join(words));
    TORCH_CHECK(index_of.emplace(sentences.back(), index_of.size()).second, "recognise: '", candidate,
                "' is spoken like another candidate");
    for (const std::string& word : words) dictionary[word] = pronunciations_.at(word);
  }
  const ScratchDirectory scratch("recognise");
  const auto file = [&](const char* name) { return (scratch.path() / name).string(); };
  write_sounds(sounds, scratch.path());
  write_file_atomically(file("grammar"), grammar_of(sentences));
  std::string lines;
  for (const auto& [word, variants] : dictionary) lines += variants;
  write_file_atomically(file("dictionary"), lines);
  run_program({program_.string(),
               "-hmm",
               (model_ / "en-us").string(),
               "-dict",
               file("dictionary"),
               "-jsgf",
               file("grammar"),
               "-ctl",
               file("list"),
               "-cepdir",
               scratch.path().string(),
               "-cepext",
               ".wav",
               "-adcin",
               "yes",
               "-adchdr",
               std::to_string(kWavHeaderBytes),
               "-hyp",
               file("heard"),
               "-logfn",
               "/dev/null"});
  const auto heard = read_hypotheses(file("heard"));
  std::vector<std::optional<std::size_t>> answers(sounds.size());
  for (std::size_t i = 0; i < sounds.size(); ++i) {
    const auto sentence = heard.find(sound_name(i));
    const auto found = sentence == heard.end() ? index_of.end() : index_of.find(sentence->second);
    if (found != index_of.end()) answers[i] = found->second;
  }
  return answers;
}

}  // namespace palimpsest
