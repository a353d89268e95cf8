#include "base/distributed.h"

#include <c10/util/Logging.h>
#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/errors.h"
#include "base/heartbeat.h"

namespace palimpsest {

namespace {

using std::chrono::milliseconds;

// How long those that are left wait for each other before they name who is missing.
constexpr milliseconds kRollCall{20000};
constexpr milliseconds kFarewell{2000};
constexpr milliseconds kGlance{20};                // between two looks at who is there
constexpr std::chrono::microseconds kGlimpse{50};  // between two looks at whether a GPU is done
// Longer than any validation or save of the first process, for which the others wait.
constexpr milliseconds kLongestStep{30 * 60 * 1000};

// In libpalimpsest_cuda.so (distributed_cuda.cu): a c10d::Backend over NCCL, whose ownership the caller takes.
using MakeNccl = c10d::Backend*(c10d::Store* store, int rank, int size, std::int64_t timeout_ms);
constexpr const char* kMakeNccl = "palimpsest_make_nccl";

// As the library was built: the names that base/c10d declares in gloo's place are only pointed at.
static_assert(sizeof(c10d::ProcessGroupGloo) == 488);

std::int64_t whole_number(const char* name, const std::string& text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    throw InputError("environment", name, "must be a whole number, got '" + text + "'");
  }
  return value;
}

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

std::string list_of(const std::vector<std::int64_t>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += (i ? ", " : "") + std::to_string(ranks[i]);
  return text;
}

std::string here_key(const std::string& what, std::int64_t rank) { return what + "/" + std::to_string(rank); }

// An error of c10d without the trace of calls that follows its first line.
std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

std::string seconds_text(milliseconds time) { return std::to_string(time.count() / 1000) + " s"; }

c10::intrusive_ptr<c10d::Store> open_store(const RankPlace& place, milliseconds patience) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  options.isServer = place.rank == 0 && !place.starter_has_store;
  options.waitWorkers = false;
  options.timeout = patience;
  const std::string where = place.address + ":" + std::to_string(place.port);
  try {
    return c10::make_intrusive<c10d::TCPStore>(place.address, options);
  } catch (const std::exception& error) {
    const std::string message = error.what();
    if (message.find("EADDRINUSE") != std::string::npos || message.find("already in use") != std::string::npos) {
      throw InputError("environment", "MASTER_PORT",
                       "port " + std::to_string(place.port) + " is in use; choose another, or end what listens there");
    }
    if (options.isServer) throw InputError("environment", "MASTER_PORT", "cannot listen on " + where + ": " + message);
    throw InputError("environment", "MASTER_ADDR",
                     "rank 0 does not answer on " + where + " within " + seconds_text(patience));
  }
}

}  // namespace

RankPlace rank_place_from_environment() {
  RankPlace place;
  const bool ranked = std::getenv("RANK"), sized = std::getenv("WORLD_SIZE");
  if (!ranked && !sized) return place;
  if (!ranked) throw InputError("environment", "RANK", "is missing while WORLD_SIZE is set");
  if (!sized) throw InputError("environment", "WORLD_SIZE", "is missing while RANK is set");
  place.rank = whole_number("RANK", variable("RANK", ""));
  place.size = whole_number("WORLD_SIZE", variable("WORLD_SIZE", ""));
  if (place.rank >= place.size) {
    throw InputError(
        "environment", "RANK",
        "must be below WORLD_SIZE (" + std::to_string(place.size) + "), got " + std::to_string(place.rank));
  }
  place.local_rank = whole_number("LOCAL_RANK", variable("LOCAL_RANK", std::to_string(place.rank)));
  place.address = variable("MASTER_ADDR", place.address);
  place.port = whole_number("MASTER_PORT", variable("MASTER_PORT", std::to_string(place.port)));
  if (place.port > 65535) throw InputError("environment", "MASTER_PORT", "must be below 65536");
  place.attempt = variable("TORCHELASTIC_RESTART_COUNT", place.attempt);
  place.starter_has_store = variable("TORCHELASTIC_USE_AGENT_STORE", "") == "True";
  return place;
}

class Peers::Link {
 public:
  Link(const RankPlace& place, const PeerPatience& patience) : place_(place) {
    store_ = c10::make_intrusive<c10d::PrefixStore>("palimpsest/" + place.attempt, open_store(place, patience.join));
    heartbeat_.emplace(store_->clone(), place.rank, place.size, patience.silence);
    meet(patience.join);
    heartbeat_->start();
  }

  void connect() {
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>("gloo", store_),
                                                        static_cast<int>(place_.rank), static_cast<int>(place_.size),
                                                        c10d::ProcessGroupGloo::Options::create_default(kLongestStep));
  }

  // Who carries tensors of this device. NCCL is made at the first tensor on a GPU, when the device is known.
  c10d::Backend& carrier(const at::Tensor& tensor) {
    if (!tensor.is_cuda()) return *gloo_;
    if (!nccl_) {
      const auto make = reinterpret_cast<MakeNccl*>(::dlsym(RTLD_DEFAULT, kMakeNccl));
      TORCH_CHECK(make, "distributed: libpalimpsest_cuda.so has no NCCL");
      const auto store = c10::make_intrusive<c10d::PrefixStore>("nccl", store_);
      nccl_ = c10::intrusive_ptr<c10d::Backend>::reclaim(
          make(store.get(), static_cast<int>(place_.rank), static_cast<int>(place_.size), kLongestStep.count()));
    }
    return *nccl_;
  }

  // Those that have not said `what` when all but `spared` have, or when the patience is at an end.
  std::vector<std::int64_t> missing(const std::string& what, std::int64_t spared, milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (true) {
      std::vector<std::int64_t> ranks;
      for (std::int64_t rank = 0; rank < place_.size; ++rank) {
        if (!store_->check({here_key(what, rank)})) ranks.push_back(rank);
      }
      if (std::ssize(ranks) <= spared || std::chrono::steady_clock::now() > end) return ranks;
      std::this_thread::sleep_for(kGlance);
    }
  }

  // Waits for the end of a transfer. A neighbour that is left waits here for ever when it is not told.
  void finish(c10d::Work& work, bool on_gpu) {
    while (!(on_gpu ? gpu_is_done(work) : cpu_is_done(work))) heartbeat_->look();
  }

  // The same of a message between two: on the CPU its wait may not be broken off.
  void finish_message(const c10::intrusive_ptr<c10d::Work>& work, bool on_gpu) {
    if (on_gpu) return finish(*work, on_gpu);
    std::packaged_task<void()> wait([work] { work->wait(); });
    std::future<void> end = wait.get_future();
    std::thread(std::move(wait)).detach();
    while (end.wait_for(Heartbeat::kLook) == std::future_status::timeout) heartbeat_->look();
    end.get();
  }

  Heartbeat& heartbeat() { return *heartbeat_; }
  bool is_silent(std::int64_t rank) { return store_->check({Heartbeat::silent_key(rank)}); }

  // Does the store answer? Throws when it does not; what is said into a dead connection goes unnoticed.
  void hears() { store_->check({Heartbeat::alarm_key()}); }

  void raise_alarm() { store_->set(Heartbeat::alarm_key(), std::vector<std::uint8_t>{1}); }

  // Who does not say that it is left, once one process has gone. Who holds the store stays until the others know too.
  std::vector<std::int64_t> roll_call() {
    const std::vector<std::int64_t> gone = missing("left", 1, kRollCall);
    say("heard");
    if (place_.rank == 0) missing("heard", std::ssize(gone), kFarewell);
    return gone;
  }

  void say(const std::string& what) { store_->set(here_key(what, place_.rank), std::vector<std::uint8_t>{1}); }

 private:
  static bool cpu_is_done(c10d::Work& work) {
    try {
      work.wait(Heartbeat::kLook);
      return true;
    } catch (const std::exception&) {
      if (work.isCompleted()) throw;
      return false;
    }
  }

  // NCCL would take a wait that is too short for the end of the group.
  static bool gpu_is_done(c10d::Work& work) {
    const auto end = std::chrono::steady_clock::now() + Heartbeat::kLook;
    while (!work.isCompleted()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(kGlimpse);
    }
    work.wait();
    return true;
  }

  void meet(milliseconds patience) {
    say("joined");
    const std::vector<std::int64_t> late = missing("joined", 0, patience);
    if (late.empty()) return;
    throw InputError("environment", "WORLD_SIZE",
                     list_of(late) + " of " + std::to_string(place_.size) + " did not come within " +
                         seconds_text(patience) + "; start as many processes as WORLD_SIZE says");
  }

  RankPlace place_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::optional<Heartbeat> heartbeat_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
  c10::intrusive_ptr<c10d::Backend> nccl_;
};

template <class Call>
auto Peers::guarded(Call&& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    lost(first_line(error.what()));
  }
}

Peers::Peers() = default;

Peers::Peers(const RankPlace& place, const PeerPatience& patience) : place_(place) {
  if (alone()) return;
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = c10::GLOG_FATAL;  // errors are told once, below
  link_ = std::make_unique<Link>(place, patience);
  guarded([this] { link_->connect(); });
}

Peers::~Peers() = default;

// The store's keeper has gone or stands still: one process of each machine says so.
void Peers::lost_store(bool silent, const std::string& rest) {
  const bool beside_first = place_.rank == place_.local_rank && !place_.starter_has_store;
  if (place_.local_rank != (beside_first ? 1 : 0)) throw SaidElsewhere(1);
  const std::string who =
      place_.starter_has_store ? "the starter of the processes" : "rank 0 of " + std::to_string(place_.size);
  throw PeerLost(who + (silent ? " stands still" : " has gone") + rest);
}

// All that are left say so to the store; the lowest of them names who did not.
void Peers::lost(const std::string& reason) {
  Link& link = *link_.release();  // never closed: what is under way would wait for who has gone
  const std::string rest = "; the others end too. The same command goes on from the last checkpoint (" + reason + ")";
  link.heartbeat().stop();
  if (link.heartbeat().store_is_silent()) lost_store(true, rest);
  try {
    link.say("left");
    link.raise_alarm();
    link.hears();
  } catch (const std::exception&) {
    lost_store(false, rest);
  }
  const std::vector<std::int64_t> gone = link.roll_call();
  std::int64_t lowest = 0;
  while (std::find(gone.begin(), gone.end(), lowest) != gone.end()) ++lowest;
  if (lowest != place_.rank) throw SaidElsewhere(1);
  if (gone.empty()) throw PeerLost("the processes lost each other" + rest);
  const bool one = gone.size() == 1;
  const bool silent = std::any_of(gone.begin(), gone.end(), [&link](auto rank) { return link.is_silent(rank); });
  throw PeerLost(list_of(gone) + " of " + std::to_string(place_.size) +
                 (silent ? (one ? " stands still" : " stand still") : (one ? " has gone" : " have gone")) + rest);
}

void Peers::sum(const at::Tensor& tensor) { begin_sum(tensor)(); }

Transfer Peers::begin_sum(const at::Tensor& tensor) {
  if (alone()) return [] {};
  const double others = static_cast<double>(size() - 1);
  bytes_sent_ += 2.0 * others / static_cast<double>(size()) * static_cast<double>(tensor.nbytes());
  std::vector<at::Tensor> tensors{tensor};
  const auto work = guarded([&] { return link_->carrier(tensor).allreduce(tensors); });
  return [this, work, tensor] { guarded([&] { link_->finish(*work, tensor.is_cuda()); }); };
}

Transfer Peers::begin_sum_in(const at::Tensor& tensor, std::int64_t to) {
  if (alone()) return [] {};
  const double n = static_cast<double>(size());  // sums of an nth each go round, and then to who wants them
  bytes_sent_ += (rank() == to ? (n - 1) / n : 1.0) * static_cast<double>(tensor.nbytes());
  std::vector<at::Tensor> tensors{tensor};
  c10d::ReduceOptions options;
  options.rootRank = to;
  const auto work = guarded([&] { return link_->carrier(tensor).reduce(tensors, options); });
  return [this, work, tensor] { guarded([&] { link_->finish(*work, tensor.is_cuda()); }); };
}

Transfer Peers::begin_copy(const at::Tensor& tensor, std::int64_t from) {
  if (alone()) return [] {};
  bytes_sent_ += static_cast<double>(size() - 1) / static_cast<double>(size()) * static_cast<double>(tensor.nbytes());
  std::vector<at::Tensor> tensors{tensor};
  c10d::BroadcastOptions options;
  options.rootRank = from;
  const auto work = guarded([&] { return link_->carrier(tensor).broadcast(tensors, options); });
  return [this, work, tensor] { guarded([&] { link_->finish(*work, tensor.is_cuda()); }); };
}

void Peers::move_to_first(const at::Tensor& tensor, std::int64_t from) {
  if (from == 0 || (!first() && rank() != from)) return;
  std::vector<at::Tensor> tensors{tensor};
  guarded([&] {
    c10d::Backend& carrier = link_->carrier(tensor);
    return (first() ? carrier.recv(tensors, static_cast<int>(from), 0) : carrier.send(tensors, 0, 0))->wait();
  });
  if (!first()) bytes_sent_ += static_cast<double>(tensor.nbytes());
}

std::vector<std::string> Peers::gather(const std::string& text) {
  if (alone()) return {text};
  const at::Tensor sizes_N = at::zeros({size()}, at::kLong);
  sizes_N[rank()] = std::ssize(text);
  sum(sizes_N);
  const at::Tensor bytes_NC = at::zeros({size(), sizes_N.max().item<std::int64_t>()}, at::kByte);
  const at::Tensor own = bytes_NC[rank()];
  if (!text.empty()) std::memcpy(own.mutable_data_ptr(), text.data(), text.size());
  if (bytes_NC.numel() > 0) sum(bytes_NC);
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < size(); ++i) {
    texts.emplace_back(static_cast<const char*>(bytes_NC[i].const_data_ptr()), sizes_N[i].item<std::int64_t>());
  }
  return texts;
}

void Peers::barrier() { sum(at::zeros({1})); }

}  // namespace palimpsest
