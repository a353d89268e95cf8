// Several processes that work together on this machine, each running the same action.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <iostream>
#include <vector>

#include "base/distributed.h"
#include "tests/support/child.h"

namespace palimpsest {

// A socket that listens on a port of its own.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(socket_, 1);
    socklen_t length = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  std::int64_t port() const { return port_; }

 private:
  int socket_;
  std::int64_t port_;
};

// A port that nobody listens on.
inline std::int64_t free_port() { return Listener().port(); }

inline RankPlace loopback_place(std::int64_t rank, std::int64_t size, std::int64_t port) {
  RankPlace place;
  place.rank = place.local_rank = rank;
  place.size = size;
  place.port = port;
  return place;
}

inline constexpr std::chrono::milliseconds kTestPatience{20000};

// Runs action(peers) in `size` processes and returns how each ended, as waitpid tells it; 1 when it threw.
template <class Action>
std::vector<int> run_ranks(std::int64_t size, Action&& action, PeerPatience patience = {kTestPatience}) {
  const std::int64_t port = free_port();
  std::vector<pid_t> children;
  for (std::int64_t rank = 0; rank < size; ++rank) {
    children.push_back(start_child([&] {
      try {
        Peers peers(loopback_place(rank, size, port), patience);
        action(peers);
        peers.barrier();
      } catch (const SaidElsewhere&) {
        throw;
      } catch (const std::exception& error) {
        std::cerr << "rank " << rank << ": " << error.what() << "\n";
        throw;
      }
    }));
  }
  std::vector<int> statuses;
  for (const pid_t child : children) statuses.push_back(status_of(child));
  return statuses;
}

// For the actions of run_ranks, whose assertions cannot reach the parent.
inline void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what + " does not hold");
}

}  // namespace palimpsest
