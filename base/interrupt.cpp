#include "base/interrupt.h"

#include <signal.h>

namespace palimpsest {

namespace {

// A handler can reach nothing but a global of this type.
volatile sig_atomic_t signal_came = 0;

void note_signal(int) { signal_came = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return signal_came != 0; }

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted();
}

}  // namespace palimpsest
