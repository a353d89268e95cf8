#include "base/heartbeat.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace palimpsest {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestBeat{1000};
constexpr int kBeatsOfSilence = 5;  // at least, before a rank counts as silent

std::string sign_key(std::int64_t rank) { return "sign/" + std::to_string(rank); }

std::vector<std::uint8_t> sign_of(std::int64_t count) {
  const std::string text = std::to_string(count);
  return {text.begin(), text.end()};
}

}  // namespace

struct Heartbeat::Pulse {
  c10::intrusive_ptr<c10d::Store> store;
  std::int64_t rank = 0, watched = 0, quiet_beats = 0, beats_allowed = 0;
  milliseconds beat{};
  std::vector<std::uint8_t> last_sign{};
  std::atomic<std::int64_t> rounds = 0;
  std::atomic<bool> alarmed = false;
  std::mutex mutex{};
  std::condition_variable changed{};
  bool stopping = false, running = false;

  // One round. What the store throws (it has gone) ends the thread: sockets tell of that too.
  void beat_once() {
    store->set(sign_key(rank), sign_of(rounds + 1));
    if (store->check({alarm_key()})) alarmed = true;
    std::vector<std::uint8_t> sign = store->get(sign_key(watched));
    quiet_beats = sign == last_sign ? quiet_beats + 1 : 0;
    last_sign = std::move(sign);
    if (quiet_beats > beats_allowed && !alarmed) {
      store->set(silent_key(watched), sign_of(0));
      store->set(alarm_key(), sign_of(0));
      alarmed = true;
    }
    ++rounds;
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      lock.unlock();
      try {
        beat_once();
      } catch (const std::exception&) {
        lock.lock();
        break;
      }
      lock.lock();
      changed.wait_for(lock, beat, [this] { return stopping; });
    }
    running = false;
    changed.notify_all();
  }
};

Heartbeat::Heartbeat(c10::intrusive_ptr<c10d::Store> store, std::int64_t rank, std::int64_t size, milliseconds silence)
    : silence_(silence) {
  const milliseconds beat = std::clamp(silence / kBeatsOfSilence, milliseconds(1), kLongestBeat);
  pulse_ = std::make_shared<Pulse>();
  pulse_->store = std::move(store);
  pulse_->rank = rank;
  pulse_->watched = (rank + 1) % size;
  pulse_->beats_allowed = silence / beat;
  pulse_->beat = beat;
  pulse_->store->set(sign_key(rank), sign_of(0));
}

Heartbeat::~Heartbeat() { stop(); }

void Heartbeat::start() {
  pulse_->running = true;
  std::thread([pulse = pulse_] { pulse->run(); }).detach();
}

void Heartbeat::stop() {
  std::unique_lock lock(pulse_->mutex);
  pulse_->stopping = true;
  pulse_->changed.notify_all();
  pulse_->changed.wait_for(lock, kLongestBeat, [this] { return !pulse_->running; });
}

void Heartbeat::look() {
  TORCH_CHECK(!pulse_->alarmed, "told by another process");
  const std::int64_t rounds = pulse_->rounds;
  looks_in_vain_ = rounds == rounds_seen_ ? looks_in_vain_ + 1 : 0;
  rounds_seen_ = rounds;
  store_is_silent_ = looks_in_vain_ * kLook > silence_;
  TORCH_CHECK(!store_is_silent_, "no answer");
}

}  // namespace palimpsest
