#include "datasets/sources/spoken_source.h"

#include <semaphore>

#include "base/random.h"
#include "datasets/sources/speech.h"

namespace palimpsest {

namespace {

class SpokenSource : public Source {
 public:
  SpokenSource(std::unique_ptr<Source> samples, SpokenRole role, const SpeechOptions& options)
      : samples_(std::move(samples)),
        role_(std::move(role)),
        speaker_(options, role_.voices),
        free_voices_(options.processes) {}

  std::optional<ReadResult> next() override {
    auto result = samples_->next();
    if (result) result->steps.push_back([this](ReadResult& read) { speak(read); });
    return result;
  }

 private:
  // Holds one of the voices that may speak at once.
  class Voice {
   public:
    explicit Voice(std::counting_semaphore<>& free) : free_(free) { free_.acquire(); }
    ~Voice() { free_.release(); }
    Voice(const Voice&) = delete;
    Voice& operator=(const Voice&) = delete;

   private:
    std::counting_semaphore<>& free_;
  };

  void speak(ReadResult& result) {
    Sample& sample = result.sample;
    const auto text = sample.roles.find(role_.text);
    if (text == sample.roles.end()) return;
    const std::string& voice = voice_of(sample.key, role_.voices);
    sample.meta["voice"] = voice;
    const Voice held(free_voices_);
    try {
      const Speaker::Job job = speaker_.start(std::get<Text>(text->second).utf8, voice);
      sample.roles[role_.speech] = speaker_.finish(job, role_.sample_rate, role_.speech + " of " + sample.key);
    } catch (const InputError& error) {
      result.error = error.what();
    }
  }

  std::unique_ptr<Source> samples_;
  SpokenRole role_;
  Speaker speaker_;
  std::counting_semaphore<> free_voices_;
};

}  // namespace

std::unique_ptr<Source> spoken_source(std::unique_ptr<Source> samples, SpokenRole role, const SpeechOptions& options) {
  return std::make_unique<SpokenSource>(std::move(samples), std::move(role), options);
}

const std::string& voice_of(const std::string& key, const std::vector<std::string>& voices) {
  return voices.at(RandomKey::root(0).fold("voice").fold(key).below(voices.size(), 0));
}

}  // namespace palimpsest
