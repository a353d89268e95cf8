// Failpoints: named places where a test, or a person, makes the program die or run out of room.
//
// PALIMPSEST_FAILPOINT=NAME[:COUNT[:kill|full]] in the environment: at the COUNT-th call (default the first) of the
// point NAME the process gets SIGKILL, or an IoError as of a full disk is thrown. PALIMPSEST_FAILPOINT_LOG=FILE: every
// point that is passed is written there, one name a line, so that a test can try them all. Neither set, a point costs
// two look-ups in the environment.
#pragma once

#include <string_view>

namespace palimpsest {

// `file` is what the error of a full disk names. InputError when the environment's word is malformed.
void failpoint(const char* name, std::string_view file = {});

}  // namespace palimpsest
