// Speech of text by flite, a small synthesizer that runs as a child process; spoken sounds are kept so that each is
// made once.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "datasets/sources/data_options.h"
#include "modalities/media/media.h"

namespace palimpsest {

// Speaks text; several jobs may run at once.
class Speaker {
 public:
  // InputError when the program is not there (naming its package) or lacks one of the voices.
  Speaker(SpeechOptions options, const std::vector<std::string>& voices);

  // One text being spoken: a child process, or a sound kept from before.
  struct Job {
    std::string text, voice;
    std::filesystem::path kept, partial;
    pid_t process = 0;  // 0: it is already kept
  };
  Job start(const std::string& text, const std::string& voice) const;
  // Waits for the job and returns its sound, at `sample_rate` and with silent ends cut; a kept sound that is damaged is
  // spoken again. InputError naming `name` when the program cannot speak the text or what it made is silent; IoError
  // when the machine failed: a sound that is not whole (the disk is full), a program that was killed.
  Audio finish(const Job& job, std::int64_t sample_rate, std::string_view name) const;

 private:
  void keep(const Job& job, std::string_view name) const;  // waits, and gives the sound its name

  SpeechOptions options_;
};

// Cuts what is quieter than `level` off both ends, leaving `margin` samples; empty when nothing is louder.
Audio trim_silence(const Audio& audio, double level, std::int64_t margin);

}  // namespace palimpsest
