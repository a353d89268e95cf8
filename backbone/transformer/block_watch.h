// BlockWatch: who is told when the blocks of a transformer are used, such as who brings their weights.
#pragma once

#include <cstddef>

namespace palimpsest {

// Blocks are counted from 0. A pass uses all of them in order, its backward pass in the reverse order, from the last
// one down to the lowest that has anything to learn or to hand on.
class BlockWatch {
 public:
  virtual ~BlockWatch() = default;
  virtual void before_forward(std::size_t block) = 0;
  virtual void after_forward(std::size_t block) = 0;
  // The blocks above are done with, and their parameters have their gradients. A block may be told twice.
  virtual void before_backward(std::size_t block) = 0;
};

}  // namespace palimpsest
