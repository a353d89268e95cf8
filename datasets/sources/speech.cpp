#include "datasets/sources/speech.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <sstream>

#include "base/child_process.h"
#include "base/files.h"
#include "modalities/media/audio.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestSpoken = 100'000;  // bytes; a system takes no longer arguments

// "Voices available: kal slt rms" -> the names after the colon.
std::vector<std::string> known_voices(const std::string& program) {
  if (find_program(program).empty()) {
    throw InputError(program, "data.speech.program", "no such program; Debian's package 'flite' has the usual one");
  }
  const std::string text = program_output({program, "-lv"});
  std::istringstream words(text.substr(std::min(text.size(), text.find(':') + 1)));
  std::vector<std::string> voices;
  for (std::string word; words >> word;) voices.push_back(word);
  return voices;
}

}  // namespace

Speaker::Speaker(SpeechOptions options, const std::vector<std::string>& voices) : options_(std::move(options)) {
  const auto known = known_voices(options_.program);
  for (const std::string& voice : voices) {
    if (std::find(known.begin(), known.end(), voice) == known.end()) {
      throw InputError(options_.program, "voices", "has no voice '" + voice + "'" + suggest(voice, known));
    }
  }
}

Speaker::Job Speaker::start(const std::string& text, const std::string& voice) const {
  if (text.size() > kLongestSpoken)
    throw InputError(text.substr(0, 40) + "...", "", "has more than 100 kB, too much to be spoken");
  static std::atomic<std::int64_t> number{0};  // tells partial files of one process apart
  const std::string identity = options_.program + '\n' + voice + '\n' + text;
  const std::string name = hash64_hex(identity) + hash64_hex(identity + '\n');
  const fs::path folder = fs::path(options_.cache) / name.substr(0, 2);
  Job job{text, voice, folder / (name + ".wav"), {}, 0};
  if (fs::exists(job.kept)) return job;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(folder.string(), "data.speech.cache", "cannot make the folder: " + error.message());
  job.partial = folder / (name + ".partial-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
  job.process = start_program({options_.program, "-voice", voice, "-t", text, "-o", job.partial.string()});
  return job;
}

Audio Speaker::finish(const Job& job, std::int64_t sample_rate, std::string_view name) const {
  if (job.process != 0) keep(job, name);
  Audio audio;
  try {
    audio = load_audio(job.kept, sample_rate);
  } catch (const InputError& error) {
    std::error_code ignored;
    fs::remove(job.kept, ignored);
    if (job.process == 0) return finish(start(job.text, job.voice), sample_rate, name);  // a crash cut it short
    // flite ends well even when it could not write.
    throw IoError(error.what(), options_.program,
                  "did not write the whole sound of " + std::string(name) + "; is the disk full?");
  }
  const auto margin = static_cast<std::int64_t>(options_.margin * static_cast<double>(sample_rate));
  if (options_.silence > 0.0) audio = trim_silence(audio, options_.silence, margin);
  if (audio.samples_N.numel() == 0) throw InputError(name, options_.program, "made a sound that is silent");
  return audio;
}

void Speaker::keep(const Job& job, std::string_view name) const {
  const int status = wait_for_program(job.process);
  std::error_code error;
  if (status != 0) {
    fs::remove(job.partial, error);
    const std::string what = "ended with status " + std::to_string(status) + " and no sound";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) throw IoError(name, options_.program, what);
    throw InputError(name, options_.program, what);
  }
  fs::rename(job.partial, job.kept, error);
  if (error) throw IoError(job.kept.string(), "", "cannot be kept: " + error.message());
}

Audio trim_silence(const Audio& audio, double level, std::int64_t margin) {
  const at::Tensor samples_N = audio.samples_N.contiguous();
  const float* samples = samples_N.const_data_ptr<float>();
  const std::int64_t count = samples_N.numel();
  const auto loud = [level](float sample) { return std::abs(sample) >= level; };
  const auto first = std::find_if(samples, samples + count, loud) - samples;
  if (first == count) return {samples_N.slice(0, 0, 0).clone(), audio.sample_rate};
  std::int64_t last = count - 1;
  while (!loud(samples[last])) --last;
  const std::int64_t begin = std::max<std::int64_t>(0, first - margin), end = std::min(count, last + 1 + margin);
  return {samples_N.slice(0, begin, end).clone(), audio.sample_rate};
}

}  // namespace palimpsest
