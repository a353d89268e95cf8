#include "datasets/sources/spoken_source.h"

#include <deque>

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
        ahead_(options.processes) {}
  ~SpokenSource() override {
    for (const Pending& pending : pending_) speaker_.abandon(pending.job);
  }

  std::optional<ReadResult> next() override {
    while (!ended_ && static_cast<std::int64_t>(pending_.size()) < ahead_) start_one();
    if (pending_.empty()) return std::nullopt;
    Pending pending = std::move(pending_.front());
    pending_.pop_front();
    if (pending.speaking) finish(pending);
    return std::move(pending.result);
  }

 private:
  struct Pending {
    ReadResult result;
    Speaker::Job job;
    bool speaking = false;
  };

  void start_one() {
    auto result = samples_->next();
    if (!result) {
      ended_ = true;
      return;
    }
    Pending pending{std::move(*result), {}, false};
    Sample& sample = pending.result.sample;
    const auto text = sample.roles.find(role_.text);
    if (pending.result.error.empty() && text != sample.roles.end()) {
      const std::string& voice = voice_of(sample.key, role_.voices);
      pending.job = speaker_.start(std::get<Text>(text->second).utf8, voice);
      pending.speaking = true;
      sample.meta["voice"] = voice;
    }
    pending_.push_back(std::move(pending));
  }

  void finish(Pending& pending) {
    Sample& sample = pending.result.sample;
    try {
      sample.roles[role_.speech] = speaker_.finish(pending.job, role_.sample_rate, role_.speech + " of " + sample.key);
    } catch (const InputError& error) {
      pending.result.error = error.what();
    }
  }

  std::unique_ptr<Source> samples_;
  SpokenRole role_;
  Speaker speaker_;
  std::int64_t ahead_;
  std::deque<Pending> pending_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Source> spoken_source(std::unique_ptr<Source> samples, SpokenRole role, const SpeechOptions& options) {
  return std::make_unique<SpokenSource>(std::move(samples), std::move(role), options);
}

const std::string& voice_of(const std::string& key, const std::vector<std::string>& voices) {
  return voices.at(RandomKey::root(0).fold("voice").fold(key).below(voices.size(), 0));
}

}  // namespace palimpsest
