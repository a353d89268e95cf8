// Dealer: who of several processes gets what.
#pragma once

#include <cstdint>
#include <vector>

namespace palimpsest {

// The largest goes first, each to who has least so far, hands before this one included.
class Dealer {
 public:
  explicit Dealer(std::int64_t processes) : load_(static_cast<std::size_t>(processes)) {}

  // The owner of each, by its size.
  std::vector<std::int64_t> deal(const std::vector<std::int64_t>& sizes);

 private:
  std::vector<std::int64_t> load_;  // by process
};

}  // namespace palimpsest
