// The names of gloo that torch's ProcessGroupGloo.hpp mentions: torch's wheel holds the library but not its headers.
// Objects of these types are made and used inside the library alone.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace transport {
class UnboundBuffer;
}

}  // namespace gloo
