// Several processes of this program on this machine.
#pragma once

#include <cstdint>

namespace palimpsest {

// Is this process one of a group that somebody started (RANK is set)?
bool is_started_rank();

// Starts this program again `count` times with the same command line, torchrun's variables and an equal share of the
// cores; hands SIGINT and SIGTERM on; returns when all have ended: 0, or the exit code of the first that failed
// (1 when a signal ended it), or 130 when they were interrupted.
int run_processes(std::int64_t count);

}  // namespace palimpsest
