// Puzzles as a source: data.form = "puzzles". Roles name puzzle, solution, candidate (the solution, perhaps with an
// error) or verdict (of the candidate: "right", or "wrong: " with the rule and the place), all of them text.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Each sample's meta holds the puzzle's kind under "puzzle".
SourceForm puzzles_form();

}  // namespace palimpsest
