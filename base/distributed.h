// The processes that train together, by torchrun's environment variables: sums, copies and messages between them.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace palimpsest {

// Who this process is among those that work together.
struct RankPlace {
  std::int64_t rank = 0, size = 1;
  std::int64_t local_rank = 0;  // among those of this machine
  std::string address = "127.0.0.1";
  std::int64_t port = 29500;
  std::string attempt = "0";  // counts the restarts by who started the processes
  bool starter_has_store = false;
};

// From RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT (and torchrun's own); alone when neither of the first
// two is set. InputError for one without the other, what is no number, a rank outside its group.
RankPlace rank_place_from_environment();

// Another process of the group has gone, and this one is the one that says so.
class PeerLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// This process ends with the code because of something that another one has told the person.
class SaidElsewhere : public std::runtime_error {
 public:
  explicit SaidElsewhere(int exit_code) : std::runtime_error("another process said why"), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// How long a process waits for the others.
struct PeerPatience {
  std::chrono::milliseconds join{60000};     // until all have come
  std::chrono::milliseconds silence{20000};  // until one that gives no sign of life (stopped, not dead) is given up
};

// Waits for the end of a transfer.
using Transfer = std::function<void()>;

// A group of processes over PyTorch's c10d: Gloo for what lies in main memory, NCCL for what lies on a GPU. All calls
// are made by all processes in the same order. When one of them has gone or stands still, the call throws PeerLost in
// one of the others and SaidElsewhere in the rest. Alone, every call returns at once.
class Peers {
 public:
  Peers();  // alone
  // Waits for the others. InputError: ranks that did not come (by number), no store at the address, a port in use.
  explicit Peers(const RankPlace& place, const PeerPatience& patience);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  std::int64_t rank() const { return place_.rank; }
  std::int64_t size() const { return place_.size; }
  bool first() const { return place_.rank == 0; }
  bool alone() const { return place_.size == 1; }

  // In place, the sum over all processes: bitwise the same in all of them, and each time.
  void sum(const at::Tensor& tensor);
  Transfer begin_sum(const at::Tensor& tensor);
  // The sum over all processes in the tensor of process `to`, in place; what the others' then hold is of no use.
  Transfer begin_sum_in(const at::Tensor& tensor, std::int64_t to);
  // In place, the values of process `from`.
  Transfer begin_copy(const at::Tensor& tensor, std::int64_t from);
  // The tensor of process `from` into that of the first; the others have no part in it and may pass any.
  void move_to_first(const at::Tensor& tensor, std::int64_t from);
  // A text of each, by rank.
  std::vector<std::string> gather(const std::string& text);
  void barrier();

  // What this process has handed to the network so far, by the ring algorithms that carry it.
  double bytes_sent() const { return bytes_sent_; }

 private:
  class Link;
  template <class Call>
  auto guarded(Call&& call);
  [[noreturn]] void lost(const std::string& reason);
  [[noreturn]] void lost_store(bool silent, const std::string& rest);

  RankPlace place_;
  std::unique_ptr<Link> link_;
  double bytes_sent_ = 0;
};

}  // namespace palimpsest
