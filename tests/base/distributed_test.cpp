#include "base/distributed.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/errors.h"
#include "tests/support/message.h"
#include "tests/support/ranks.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using Variables = std::map<std::string, std::string>;

// Variables that live as long as it does.
class Environment {
 public:
  explicit Environment(Variables variables) : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  Variables variables_;
};

std::string place_error() {
  return message_of<InputError>([] { rank_place_from_environment(); });
}

TEST(Distributed, ThePlaceIsReadFromTorchrunsVariables) {
  EXPECT_EQ(rank_place_from_environment().size, 1);
  const Environment variables(Variables{{"RANK", "5"},
                                        {"WORLD_SIZE", "8"},
                                        {"LOCAL_RANK", "1"},
                                        {"MASTER_ADDR", "node-0"},
                                        {"MASTER_PORT", "1234"},
                                        {"TORCHELASTIC_RESTART_COUNT", "2"},
                                        {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  const RankPlace place = rank_place_from_environment();
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.size, 8);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.address, "node-0");
  EXPECT_EQ(place.port, 1234);
  EXPECT_EQ(place.attempt, "2");
  EXPECT_TRUE(place.starter_has_store);
}

TEST(Distributed, VariablesThatMakeNoSenseAreRefusedByName) {
  {
    const Environment lonely(Variables{{"RANK", "0"}});
    EXPECT_EQ(place_error(), "environment: WORLD_SIZE: is missing while RANK is set");
  }
  {
    const Environment words(Variables{{"RANK", "one"}, {"WORLD_SIZE", "2"}});
    EXPECT_EQ(place_error(), "environment: RANK: must be a whole number, got 'one'");
  }
  const Environment outside(Variables{{"RANK", "2"}, {"WORLD_SIZE", "2"}});
  EXPECT_EQ(place_error(), "environment: RANK: must be below WORLD_SIZE (2), got 2");
}

TEST(Distributed, AloneEveryCallReturnsAtOnce) {
  Peers peers;
  const at::Tensor value = at::full({2}, 3.0);
  peers.sum(value);
  peers.begin_copy(value, 0)();
  peers.begin_sum_in(value, 0)();
  peers.barrier();
  EXPECT_TRUE(at::equal(value, at::full({2}, 3.0)));
  EXPECT_EQ(peers.gather("word"), std::vector<std::string>{"word"});
  EXPECT_EQ(peers.bytes_sent(), 0);
}

TEST(Distributed, SumsCopiesMovesAndGathers) {
  const auto statuses = run_ranks(3, [](Peers& peers) {
    const double rank = static_cast<double>(peers.rank());
    for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      const at::Tensor value = at::full({5}, rank + 1, type);
      peers.sum(value);
      require(at::equal(value, at::full({5}, 6.0, type)), "sum");
    }
    require(peers.bytes_sent() == 2.0 * 2 / 3 * 5 * (4 + 8 + 2), "bytes of three sums");
    std::vector<at::Tensor> values;
    std::vector<Transfer> under_way;
    for (std::int64_t from = 0; from < 3; ++from) {
      values.push_back(at::full({4}, rank));
      under_way.push_back(peers.begin_copy(values.back(), from));
    }
    for (const Transfer& wait : under_way) wait();
    for (std::int64_t from = 0; from < 3; ++from) {
      require(at::equal(values[static_cast<std::size_t>(from)], at::full({4}, static_cast<double>(from))), "copy");
    }
    const double before = peers.bytes_sent();
    const at::Tensor wanted = at::full({3}, rank + 1);
    peers.begin_sum_in(wanted, 1)();
    require(peers.rank() != 1 || at::equal(wanted, at::full({3}, 6.0)), "sum in one");
    require(std::abs(peers.bytes_sent() - before - (peers.rank() == 1 ? 8 : 12)) < 1e-9, "bytes of a sum in one");
    const at::Tensor moved = at::full({2}, rank);
    peers.move_to_first(moved, 2);
    require(moved[0].item<double>() == (peers.first() ? 2.0 : rank), "move");
    const std::vector<std::string> words{"", "one", "a longer word"};
    require(peers.gather(words[static_cast<std::size_t>(peers.rank())]) == words, "gather");
    require(peers.gather("") == std::vector<std::string>(3), "gather of nothing");
  });
  EXPECT_EQ(statuses, std::vector<int>(3));
}

TEST(Distributed, RanksThatDoNotComeAreNamed) {
  const std::string message = message_of<InputError>(
      [] { Peers(loopback_place(0, 3, free_port()), PeerPatience{std::chrono::milliseconds(100)}); });
  EXPECT_EQ(message,
            "environment: WORLD_SIZE: ranks 1, 2 of 3 did not come within 0 s; start as many processes as WORLD_SIZE "
            "says");
}

TEST(Distributed, AFirstRankThatDoesNotAnswerIsNamed) {
  const std::string message = message_of<InputError>(
      [] { Peers(loopback_place(1, 2, free_port()), PeerPatience{std::chrono::milliseconds(100)}); });
  EXPECT_NE(message.find("environment: MASTER_ADDR: rank 0 does not answer on 127.0.0.1:"), std::string::npos)
      << message;
}

TEST(Distributed, APortInUseIsNamed) {
  const Listener taken;
  const std::string message = message_of<InputError>(
      [&] { Peers(loopback_place(0, 2, taken.port()), PeerPatience{std::chrono::milliseconds(100)}); });
  EXPECT_EQ(message, "environment: MASTER_PORT: port " + std::to_string(taken.port()) +
                         " is in use; choose another, or end what listens there");
}

// Whichever process is killed, all others end and exactly one of them says who has gone.
TEST(Distributed, AKilledProcessEndsTheOthersAndOneOfThemSaysSo) {
  for (std::int64_t victim = 0; victim < 3; ++victim) {
    const ScratchFolder scratch;
    const auto statuses = run_ranks(3, [&](Peers& peers) {
      peers.barrier();
      if (peers.rank() == victim) ::raise(SIGKILL);
      try {
        while (true) peers.barrier();
      } catch (const PeerLost& error) {
        scratch.write("said-by-" + std::to_string(peers.rank()), error.what());
        throw SaidElsewhere(1);
      }
    });
    std::vector<std::string> said;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
      said.push_back(scratch.read(entry.path().filename().string()));
    }
    ASSERT_EQ(said.size(), 1u) << "victim " << victim;
    EXPECT_TRUE(said[0].starts_with("rank " + std::to_string(victim) + " of 3 has gone; the others end too"))
        << said[0];
    for (std::int64_t rank = 0; rank < 3; ++rank) {
      const int status = statuses[static_cast<std::size_t>(rank)];
      EXPECT_TRUE(rank == victim ? was_killed(status) : WIFEXITED(status)) << "rank " << rank;
    }
  }
}

// The rank whose process keeps the store, and one that does not. Who says so ends the one that stands still.
TEST(Distributed, AProcessThatStandsStillEndsTheOthersAndOneOfThemSaysSo) {
  for (std::int64_t victim = 0; victim < 2; ++victim) {
    const ScratchFolder scratch;
    const auto statuses = run_ranks(3,
                                    [&](Peers& peers) {
                                      if (peers.rank() == victim) scratch.write("victim", std::to_string(::getpid()));
                                      peers.barrier();
                                      if (peers.rank() == victim) ::raise(SIGSTOP);
                                      try {
                                        while (true) peers.barrier();
                                      } catch (const PeerLost& error) {
                                        scratch.write("said-by-" + std::to_string(peers.rank()), error.what());
                                        ::kill(std::stoi(scratch.read("victim")), SIGKILL);
                                        throw SaidElsewhere(1);
                                      }
                                    },
                                    {kTestPatience, std::chrono::milliseconds(4000)});
    std::vector<std::string> said;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
      const std::string name = entry.path().filename().string();
      if (name != "victim") said.push_back(scratch.read(name));
    }
    ASSERT_EQ(said.size(), 1u) << "victim " << victim;
    EXPECT_TRUE(said[0].starts_with("rank " + std::to_string(victim) + " of 3 stands still; the others end too"))
        << said[0];
    for (std::int64_t rank = 0; rank < 3; ++rank) {
      const int status = statuses[static_cast<std::size_t>(rank)];
      EXPECT_TRUE(rank == victim ? was_killed(status) : WIFEXITED(status)) << "rank " << rank;
    }
  }
}

// Longer than the silence that is allowed, but not silent: the thread that beats goes on.
TEST(Distributed, AProcessThatIsBusyIsWaitedFor) {
  const auto statuses = run_ranks(2,
                                  [](Peers& peers) {
                                    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(6000);
                                    while (peers.first() && std::chrono::steady_clock::now() < end)
                                      std::this_thread::yield();
                                    peers.barrier();
                                  },
                                  {kTestPatience, std::chrono::milliseconds(3000)});
  EXPECT_EQ(statuses, std::vector<int>(2));
}

}  // namespace
}  // namespace palimpsest
