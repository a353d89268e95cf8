// SIGINT and SIGTERM become a flag that long work looks at, so that it can save and leave (exit code 130).
#pragma once

#include <stdexcept>

namespace palimpsest {

// Thrown once what was done is saved; main turns it into exit code 130.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

// From here on the first signal sets the flag; a second one ends the program at once.
void catch_interrupts();

// Has a signal come?
bool interrupted();

// Throws Interrupted when one has.
void stop_if_interrupted();

}  // namespace palimpsest
